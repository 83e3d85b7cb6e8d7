"""Which route served a request, as a template: bounded in number, the same for every tenant and ID.

Starlette since 1.5 leaves the matched route in the scope, older ones only the endpoint, whose templates are looked up
in a table made of the app's routes. FastAPI since 0.137 leaves the whole template of included routers in
`scope["fastapi"]["effective_route_context"]` (private, so every step here is guarded), and its `route.path` is then
only the leaf's. Mounts are known by what they added to `root_path`; that is raw, so the values of their own parameters
are put back to names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from saasobs.instrument.names import UNMATCHED

_LOST_PREFIX: Final = "/{mount}"
_DEPTH: Final = 10


def route_template(scope: Mapping[str, Any], root_path: str, status: int) -> str:
    """The template of the route in a scope that an app has served, or UNMATCHED.

    :param root_path: what the scope's `root_path` was before the app saw it (a proxy's prefix, not ours to show).
    """
    route = scope.get("route")
    if route is None:
        return _by_endpoint(scope, root_path, status) if "endpoint" in scope else UNMATCHED
    leaf = _leaf(scope, route)
    now = scope.get("root_path", "")
    if now == root_path and leaf is not None:
        return UNMATCHED if status == 404 and _is_mount(route) else leaf
    added = _added(now, root_path)
    if leaf is not None and not _is_mount(route):
        return _mount_template(added, leaf, scope) + leaf
    # Only a mount was found: it has no router inside (StaticFiles), or its router found nothing.
    return UNMATCHED if status == 404 or not added else _mount_template(added, "", scope) + "/{path}"


def _leaf(scope: Mapping[str, Any], route: Any) -> str | None:
    fastapi = scope.get("fastapi")
    if fastapi:
        context = fastapi.get("effective_route_context")
        if context is not None and getattr(context, "original_route", route) is route:
            path = getattr(context, "path", None)
            if isinstance(path, str):
                return path
    path = getattr(route, "path", None)
    return path if isinstance(path, str) else None


def _is_mount(route: Any) -> bool:
    return not hasattr(route, "methods") and str(getattr(route, "path_format", "")).endswith("/{path}")


def _added(now: str, before: str) -> str:
    before = before.rstrip("/")
    return now[len(before) :] if now.startswith(before) else ""


def _mount_template(prefix: str, leaf: str, scope: Mapping[str, Any]) -> str:
    """The raw prefix with the values of the mounts' own parameters put back to their names, the last first."""
    params: Mapping[str, Any] = scope.get("path_params") or {}
    theirs = [name for name in params if f"{{{name}}}" not in leaf and f"{{{name}:" not in leaf]
    if not prefix or not theirs:
        return prefix
    segments = prefix.split("/")
    end = len(segments)
    for name in reversed(theirs):
        value = str(params[name])
        found = next((index for index in range(end - 1, -1, -1) if segments[index] == value), None)
        if found is None:
            return _LOST_PREFIX  # a converter changed it: better one constant than a label for each value
        segments[found] = f"{{{name}}}"
        end = found
    return "/".join(segments)


# A Starlette that leaves no route in the scope.

_Table = dict[int, list[str]]
_KEPT: Final = "__saasobs_templates__"
"""Left on a router, which cannot be the key of a dictionary: it is compared by value."""


def _by_endpoint(scope: Mapping[str, Any], root_path: str, status: int) -> str:
    """The template of the endpoint that was found; of several, the one that the path fits."""
    table = _table(scope.get("router"))
    templates = table.get(id(scope["endpoint"]), [])
    if len(templates) > 1:
        path = _added(scope["path"], root_path) if root_path else scope["path"]
        templates = [template for template in templates if _pattern(template).fullmatch(path)]
    if not templates or (status == 404 and templates[0].endswith("/{path}")):
        return UNMATCHED
    return templates[0]


def _table(router: Any) -> _Table:
    """Every endpoint below a router, by identity; made again when routes have been added."""
    routes = getattr(router, "routes", None)
    if not routes:
        return {}
    known: tuple[int, _Table] | None = getattr(router, _KEPT, None)
    if known is None or known[0] != len(routes):
        table: _Table = {}
        for endpoint, template in _walk(routes, "", _DEPTH):
            table.setdefault(id(endpoint), []).append(template)
        known = (len(routes), table)
        setattr(router, _KEPT, known)
    return known[1]


def _walk(routes: Iterable[Any], prefix: str, depth: int) -> Iterator[tuple[Any, str]]:
    for route in routes:
        template = prefix + str(getattr(route, "path_format", getattr(route, "path", "")))
        if hasattr(route, "endpoint"):
            yield route.endpoint, template
        elif depth and getattr(route, "routes", None):  # a Mount, or a Host, which has no path
            yield from _walk(route.routes, template.removesuffix("/{path}"), depth - 1)
        elif hasattr(route, "app"):
            yield route.app, template


@lru_cache(maxsize=1024)
def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{[^}]*\}", template)
    return re.compile(".+?".join(re.escape(part) for part in parts))
