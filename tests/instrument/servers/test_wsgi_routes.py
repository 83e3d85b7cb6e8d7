"""Route templates of Flask, Bottle and Django in one notation, bounded, and from any text at all."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from saasobs.instrument.names import UNMATCHED
from saasobs.instrument.servers.django_routes import TEMPLATE_LIMIT, django_template
from saasobs.instrument.servers.wsgi_routes import WsgiRoutes, bottle_template, flask_template, path_arguments


@pytest.mark.parametrize(
    ("rule", "template"),
    [
        ("/", "/"),
        ("/orders/<int:id>", "/orders/{id}"),
        ("/<tenant>/files/<path:name>", "/{tenant}/files/{name}"),
        ("/<any(about, help):page>/<string(length=2):lang>", "/{page}/{lang}"),
        ("/<regex('a>b'):x>/<any(\"<\", '>'):y>", "/{x}/{y}"),
        ("/a<b", "/a<b"),
    ],
)
def test_flasks_rules(rule: str, template: str) -> None:
    """A converter and its arguments are not part of the name."""
    assert flask_template(rule) == template


@pytest.mark.parametrize(
    ("rule", "template"),
    [("/orders/<id:int>", "/orders/{id}"), ("/a/:b/c", "/a/{b}/c"), ("/f/<p:re:[a-z]+>", "/f/{p}"), ("/a:b", "/a:b")],
)
def test_bottles_rules(rule: str, template: str) -> None:
    """Its new notation and its old one."""
    assert bottle_template(rule) == template


@pytest.mark.parametrize(
    ("route", "template"),
    [
        ("", "/"),
        ("orders/<int:pk>/", "/orders/{pk}/"),
        ("en/orders/<slug:name>/", "/en/orders/{name}/"),
        ("admin/auth/user/<path:object_id>/change/", "/admin/auth/user/{object_id}/change/"),
        ("admin/(?P<url>.*)$", "/admin/{url}"),
        (r"^articles/(?P<year>[0-9]{4})/(?P<slug>[\w-]+)/$", "/articles/{year}/{slug}/"),
        (r"api/^v(?P<version>\d+)/users/(\d+)/$", "/api/v{version}/users/{}/"),
        (r"<uuid:org>/^(?P<x>\d)/<str:y>/$", "/{org}/{x}/{y}/"),
        (r"^blog/(?:page-(?P<page>\d+)/)?$", "/blog/page-{page}/"),
        (r"^[^/]+/a/(?P<path>(a(b)c)+)/$", "/{}/a/{path}/"),
        (r"^(?!api/)[\]x].*$", "/{}"),
        (r"^(en|es)/a\.b/\d+/?$", "/{}/a.b/{}/"),
        (r"^a|b$", "/a"),
        (r"^(?i:x)(?P<y>z)$", "/x{y}"),
    ],
)
def test_djangos_routes(route: str, template: str) -> None:
    """Paths and regular expressions, alone and put together by included URLconfs."""
    assert django_template(route) == template


@given(st.text() | st.from_regex(r"\^?(\(\?P<[a-z]+>|\(|\)|\[|\]|\\d|<int:[a-z]+>|[a-z/.+*?|$])*", fullmatch=True))
@example("(" * 5_000)
@example("[" * 5_000)
@example("a" * 5_000)
def test_any_text_gives_a_bounded_template(route: str) -> None:
    """No pattern, however broken, long or deep, raises or makes an endless label."""
    for template in (django_template(route), flask_template(route), bottle_template(route)):
        assert len(template) <= TEMPLATE_LIMIT
    assert django_template(route).startswith("/")


@pytest.mark.parametrize("left", [None, 7, "x" * 400, ""])
def test_what_is_no_template_is_unmatched(left: object) -> None:
    """Whatever something has left in the environ."""
    assert WsgiRoutes().template({"saasobs.route": left}, "") == UNMATCHED


def test_bottle_leaves_its_route() -> None:
    """The route and the values in the path, as Bottle has them in the environ."""

    class Route:
        rule = "/orders/<id>"

    environ = {"bottle.route": Route(), "route.url_args": {"id": "7"}, "SCRIPT_NAME": "/shop"}
    assert WsgiRoutes().template(environ, "") == "/shop/orders/{id}"
    assert path_arguments(environ) == {"id": "7"}
    assert path_arguments({"wsgiorg.routing_args": "odd"}) == {}
