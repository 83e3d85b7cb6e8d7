"""Which route served a request, as a template: bounded in number, the same for every tenant and ID.

Starlette leaves the matched route in the scope; FastAPI since 0.137 leaves the whole template of included routers
in `scope["fastapi"]["effective_route_context"]` (private, so every step here is guarded), and its `route.path` is
then only the leaf's. Mounts are known by what they added to `root_path`; that is raw, so the values of their own
parameters are put back to names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from saasobs.instrument.names import UNMATCHED

_LOST_PREFIX: Final = "/{mount}"


def route_template(scope: Mapping[str, Any], root_path: str, status: int) -> str:
    """The template of the route in a scope that an app has served, or UNMATCHED.

    :param root_path: what the scope's `root_path` was before the app saw it (a proxy's prefix, not ours to show).
    """
    route = scope.get("route")
    leaf = _leaf(scope, route)
    added = _added(scope.get("root_path", ""), root_path)
    if leaf is not None and not _is_mount(route):
        return _mount_template(added, leaf, scope) + leaf
    # Only a mount was found: it has no router inside (StaticFiles), or its router found nothing.
    return UNMATCHED if status == 404 or not added else _mount_template(added, "", scope) + "/{path}"


def _leaf(scope: Mapping[str, Any], route: Any) -> str | None:
    context = (scope.get("fastapi") or {}).get("effective_route_context")
    if context is not None and getattr(context, "original_route", route) is route:
        path = getattr(context, "path", None)
        if isinstance(path, str):
            return path
    path = getattr(route, "path", None)
    return path if isinstance(path, str) else None


def _is_mount(route: Any) -> bool:
    return str(getattr(route, "path_format", "")).endswith("/{path}") and not hasattr(route, "methods")


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
