"""Which route served a WSGI request, as a template: what frameworks leave of it in the environ.

One notation for every framework, OpenAPI's: `/orders/{id}`, whatever the converter is, so that a dashboard reads the
same whoever serves. Flask's `<int:id>` and Bottle's `<id:int>` and `:id` are rewritten to it.

Prefixes that a dispatcher inside has put into SCRIPT_NAME stand before the template. They are raw and may be anything
(a tenant's name, say), so only the first hundred are told apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from saasobs.instrument.names import UNMATCHED

ROUTE_KEY: Final = "saasobs.route"
"""Where anything may leave the template of the route it serves: `/orders/{id}`."""
ARGUMENTS_KEY: Final = "wsgiorg.routing_args"
"""Where routers leave a pair of positional and named arguments (https://wsgi.readthedocs.io/specifications/)."""
_PREFIXES: Final = 100
_LOST_PREFIX: Final = "/{mount}"
_TEMPLATE_LIMIT: Final = 300
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
# `<name>`, `<converter:name>`, `<converter(arguments, "with > in texts"):name>`
_FLASK_VARIABLE: Final = re.compile(r"<(?:[A-Za-z_]\w*(?:\((?:[^()\"']|\"[^\"]*\"|'[^']*')*\))?:)?([A-Za-z_]\w*)>")
# `<name>`, `<name:filter>`, `<name:re:.*>` and the old `:name`
_BOTTLE_VARIABLE: Final = re.compile(r"<(\w+)(?::[^>]*)?>|(?<=/):(\w+)")


class WsgiRoutes:
    """The routes of one layer's app."""

    def __init__(self) -> None:
        self._prefixes: set[str] = set()

    def template(self, environ: Mapping[str, Any], before: str) -> str:
        """The template of the route that served it, or UNMATCHED.

        :param before: SCRIPT_NAME before the app saw it: a server's prefix, which is not ours to show.
        """
        template = environ.get(ROUTE_KEY) or _of_bottle(environ)
        if not isinstance(template, str) or len(template) > _TEMPLATE_LIMIT:
            return UNMATCHED
        prefix = environ.get("SCRIPT_NAME", "")
        return template if prefix == before else self._prefix(prefix, before) + template

    def _prefix(self, now: str, before: str) -> str:
        added = now[len(before) :].rstrip("/") if now.startswith(before) else ""
        if added in self._prefixes:
            return added
        if len(self._prefixes) >= _PREFIXES or len(added) > _TEMPLATE_LIMIT:
            return _LOST_PREFIX
        self._prefixes.add(added)
        return added


def note_flask_route(environ: MutableMapping[str, Any]) -> None:
    """Leave what Flask has matched in the environ, while Flask still has its request there: when a response starts."""
    request = environ.get("werkzeug.request")
    if request is None:
        return
    rule = getattr(request, "url_rule", None)
    if rule is not None:
        environ[ROUTE_KEY] = flask_template(rule.rule)
        if request.view_args:
            environ[ARGUMENTS_KEY] = ((), request.view_args)
    elif getattr(request, "routing_exception", None) is not None:
        from saasobs.instrument.servers.flask import nearly_matched  # noqa: PLC0415 - it imports Flask, as the app has

        environ[ROUTE_KEY] = nearly_matched(request)


def path_arguments(environ: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values that stand in the path for parameters, by name."""
    found = environ.get(ARGUMENTS_KEY)
    found = found[1] if isinstance(found, tuple) and len(found) == 2 else environ.get("route.url_args")  # Bottle's
    return found if isinstance(found, Mapping) else _NOTHING


def _of_bottle(environ: Mapping[str, Any]) -> str | None:
    route = environ.get("bottle.route")
    return bottle_template(route.rule) if route is not None else None


@lru_cache(maxsize=4096)
def flask_template(rule: str) -> str:
    """`/orders/<int:id>` as `/orders/{id}`."""
    return _FLASK_VARIABLE.sub(r"{\1}", rule)[:_TEMPLATE_LIMIT]


@lru_cache(maxsize=4096)
def bottle_template(rule: str) -> str:
    """`/orders/<id:int>` and `/orders/:id` as `/orders/{id}`."""
    return _BOTTLE_VARIABLE.sub(lambda found: f"{{{found[1] or found[2]}}}", rule)[:_TEMPLATE_LIMIT]
