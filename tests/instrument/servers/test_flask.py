"""Flask: every route, status and outcome is right, and Flask answers exactly as it did without us."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Blueprint, Flask, Response, abort, request, stream_with_context
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

import saasobs
from saasobs.instrument import names
from saasobs.instrument.servers.flask import install_in_flask
from saasobs.instrument.servers.wsgi import WsgiLayer
from saasobs.instrument.state import current
from support.capture import Captured, captured
from support.wsgi_client import ask


@pytest.fixture
def out() -> Iterator[Captured]:
    with captured() as capture:
        yield capture


def shop() -> Flask:
    """Routes of every shape."""
    app = Flask("shop")
    outer = Blueprint("outer", "shop", url_prefix="/outer/<tenant>")
    inner = Blueprint("inner", "shop", url_prefix="/r")
    inner.add_url_rule("/x/<int:y>", view_func=lambda tenant, y: str(y), endpoint="nested")
    outer.register_blueprint(inner)
    app.register_blueprint(outer, url_prefix="/v1/outer/<tenant>")
    app.add_url_rule("/plain", view_func=lambda: "ok", endpoint="plain")
    app.add_url_rule("/slash/<part>/", view_func=lambda part: part, endpoint="slash")
    app.add_url_rule("/reset/<token>", view_func=lambda token: "ok", endpoint="reset")
    app.add_url_rule("/boom/<int:id>", view_func=_boom)
    app.add_url_rule("/missing/<int:no>", view_func=lambda no: abort(404), endpoint="missing")
    app.add_url_rule("/stream", view_func=lambda: Response(stream_with_context(_chunks(broken=False))), endpoint="s")
    app.add_url_rule("/broken-stream", view_func=lambda: Response(_chunks(broken=True)), endpoint="b")
    app.add_url_rule("/async/<name>", view_func=_async)
    return app


def _boom(id: int) -> str:  # noqa: A002 - as apps write it
    raise RuntimeError(id)


def _chunks(*, broken: bool) -> Iterator[str]:
    for part in range(3):
        time.sleep(0.1)
        if broken and part == 2:
            raise RuntimeError("in the middle")
        yield "part"


async def _async(name: str) -> str:
    saasobs.get_logger("shop").info("inside")
    return name


def installed(out: Captured, app: Flask) -> Flask:
    install_in_flask(out.instrumentation, app)
    return app


def line(out: Captured) -> dict[str, Any]:
    (only,) = out.lines(names.REQUEST_EVENT)
    return only


@pytest.mark.parametrize(
    ("method", "path", "route", "status", "outcome"),
    [
        ("GET", "/v1/outer/acme/r/x/1", "/v1/outer/{tenant}/r/x/{y}", 200, "ok"),
        ("HEAD", "/v1/outer/acme/r/x/1", "/v1/outer/{tenant}/r/x/{y}", 200, "ok"),
        ("GET", "/static/nope.css", "/static/{filename}", 404, "ok"),
        ("GET", "/missing/4", "/missing/{no}", 404, "ok"),
        ("GET", "/wp-login.php", "__unmatched__", 404, "ok"),
        ("GET", "/v1/outer/acme/r/x/no-number", "__unmatched__", 404, "ok"),
        ("GET", "/slash/é", "/slash/{part}/", 308, "ok"),
        ("GET", "/slash/a/", "/slash/{part}/", 200, "ok"),
        ("POST", "/plain", "/plain", 405, "ok"),
        ("OPTIONS", "/plain", "/plain", 200, "ok"),
        ("FOO", "/slash/a/", "/slash/{part}/", 405, "ok"),
        ("GET", "/boom/3", "/boom/{id}", 500, "ok"),
        ("GET", "/broken-stream", "/broken-stream", 200, "error"),
        ("GET", "/stream", "/stream", 200, "ok"),
        ("GET", "/async/me", "/async/{name}", 200, "ok"),
    ],
)
def test_the_matrix(out: Captured, method: str, path: str, route: str, status: int, outcome: str) -> None:
    """Each case has the right route, status and outcome, and is counted once, under bounded labels."""
    path = path.encode().decode("latin-1")
    answer = ask(installed(out, shop()).wsgi_app, path, method)
    found = line(out)
    assert (found["route"], found["status"], found.get("outcome", "ok")) == (route, status, outcome)
    assert answer.header("x-request-id") == [found["correlation_id"]]
    labels = {names.METHOD: "_OTHER" if method == "FOO" else method, names.ROUTE: route, names.STATUS: str(status)}
    assert out.value(f"{names.REQUEST_DURATION}_count", **labels) == 1
    assert out.value(names.INTERNAL_ERRORS, hook="route") is None
    if "stream" in path:
        assert found["duration_ms"] >= 300 - 1
    if status == 500 or outcome == "error":
        assert found["error_type"] == "RuntimeError"
        assert out.value(names.EXCEPTIONS, **{names.ROUTE: route, names.EXCEPTION_TYPE: "RuntimeError"}) == 1


def test_the_request_is_known_in_an_async_view(out: Captured) -> None:
    """Flask runs it on a loop of its own in another thread."""
    ask(installed(out, shop()).wsgi_app, "/async/me", HTTP_X_REQUEST_ID="one")
    assert out.lines("inside")[0]["correlation_id"] == "one"


def test_a_token_in_the_path_is_not_told(out: Captured) -> None:
    """What stands in the path for a sensitive parameter is not in the line."""
    ask(installed(out, shop()).wsgi_app, "/reset/s3cret")
    assert "s3cret" not in out.text()


def test_the_test_client_gets_its_line(out: Captured) -> None:
    """Also when the test does not read the body, and when the test asks for exceptions."""
    app = installed(out, shop())
    client = app.test_client()
    assert client.get("/plain").status_code == 200
    assert client.get("/boom/1").status_code == 500
    assert client.get("/stream").data == b"partpartpart"
    app.testing = True
    with pytest.raises(RuntimeError):
        client.get("/boom/2")
    assert [each["status"] for each in out.lines(names.REQUEST_EVENT)] == [200, 500, 200, 500]
    assert out.value(names.EXCEPTIONS, **{names.ROUTE: "/boom/{id}", names.EXCEPTION_TYPE: "RuntimeError"}) == 2


def test_an_error_handler_keeps_its_say(out: Captured) -> None:
    """A 500 page is served as before and the exception told; what a handler has answered for is no fault."""
    for handled, answer in ((500, ("sorry", 500)), (RuntimeError, ("mine", 409))):
        app = shop()
        app.register_error_handler(handled, lambda error, answer=answer: answer)
        assert ask(installed(out, app).wsgi_app, "/boom/1").body == answer[0].encode()
    first, second = out.lines(names.REQUEST_EVENT)
    assert (first["status"], first["error_type"]) == (500, "RuntimeError")
    assert (second["status"], "error_type" in second) == (409, False)


def test_a_failing_teardown_is_a_500(out: Captured) -> None:
    """Flask raises it after start_response, before a byte: the server answers 500, and so the line says."""
    app = shop()

    @app.teardown_request
    def fail(_error: BaseException | None) -> None:
        raise LookupError("teardown")

    assert isinstance(ask(installed(out, app).wsgi_app, "/plain").error, LookupError)
    assert (line(out)["status"], line(out)["error_type"]) == (500, "LookupError")


def test_mounted_apps(out: Captured) -> None:
    """A dispatcher's apps are seen through the outer layer, with their prefix, their routes and their exceptions."""
    app, admin, deep = shop(), shop(), installed(out, shop())
    mounts = {"/admin": admin.wsgi_app, "/deep": deep.wsgi_app, "/plain-app": lambda e, s: (s("200 OK", []), [b"x"])[1]}
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, mounts)  # type: ignore[method-assign]
    installed(out, app)
    for path in ("/plain", "/admin/slash/a/", "/admin/boom/3", "/deep/boom/4", "/admin/nope", "/plain-app/x"):
        ask(app.wsgi_app, path)
    found = [(each["route"], each["status"], each.get("error_type")) for each in out.lines(names.REQUEST_EVENT)]
    assert found == [
        ("/plain", 200, None), ("/admin/slash/{part}/", 200, None), ("/admin/boom/{id}", 500, "RuntimeError"),
        ("/deep/boom/{id}", 500, "RuntimeError"), ("__unmatched__", 404, None), ("__unmatched__", 200, None),
    ]  # fmt: skip


def test_hosts_and_subdomains_are_no_labels(out: Captured) -> None:
    """A rule's template is its path, whatever host it is for."""
    app = Flask("shop", host_matching=True, static_host="static.example")
    app.add_url_rule("/orders/<no>", view_func=lambda no, who: who, endpoint="o", host="<who>.acme.example")
    assert ask(installed(out, app).wsgi_app, "/orders/3", HTTP_HOST="globex.acme.example").body == b"globex"
    assert line(out)["route"] == "/orders/{no}"


def test_behind_a_proxy_the_client_is_the_client(out: Captured) -> None:
    """With ProxyFix inside of the layer the line names whom the app sees."""
    app = shop()
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1)  # type: ignore[method-assign]
    app.before_request(lambda: setattr(app, "seen", request.remote_addr))
    ask(installed(out, app).wsgi_app, "/plain", HTTP_X_FORWARDED_FOR="203.0.113.9")
    assert line(out)["client"] == app.seen == "203.0.113.9"  # type: ignore[attr-defined]


def test_once_is_enough(out: Captured) -> None:
    """Installing twice wraps once."""
    app = installed(out, shop())
    wrapped = app.wsgi_app
    assert isinstance(wrapped, WsgiLayer)
    assert installed(out, app).wsgi_app is wrapped
    assert current() is None
