"""For whom a request is: a safe name or nobody, and never by a header that anybody may send."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import saasobs
from saasobs.instrument import names
from saasobs.instrument.config import InstrumentConfig, read_config
from saasobs.instrument.servers.asgi import Receive, Scope, Send
from saasobs.instrument.servers.tenants import TENANT_LIMIT, Asked, safe_tenant, tenant_rule, trusts
from saasobs.instrument.servers.wsgi import WsgiLayer
from support.capture import captured
from support.wsgi_client import ask


def asked(host: str = "", peer: str = "", path: str = "/", **headers: str) -> Asked:
    known = {name.replace("_", "-"): value for name, value in headers.items()}
    return Asked(host, path, peer, lambda name: known.get(name.lower(), ""))


def found(rule: str | Callable[..., Any], request: Asked, **more: Any) -> str | None:
    known = tenant_rule(InstrumentConfig(tenant=rule, **more))
    assert known is not None
    return known(request)


def bearer(claims: Any, kind: str = "Bearer") -> str:
    payload = urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"{kind} e30.{payload}.signature"


def test_without_a_rule_there_is_nothing_to_ask() -> None:
    """The default believes nobody and costs nothing."""
    assert tenant_rule(InstrumentConfig()) is None


@pytest.mark.parametrize(
    ("host", "tenant"),
    [
        ("globex.acme.example", "globex"),
        ("GLOBEX.acme.example:8443", "globex"),
        ("globex.acme.example.", "globex"),
        ("api.globex.acme.example", "globex"),
        ("www.acme.example", None),
        ("acme.example", None),
        ("evilacme.example", None),
        ("globex.acme.example.evil.example", None),
        (".acme.example", None),
        ('a"b.acme.example', None),
        ("ü.acme.example", None),
        ("x" * 20_000 + ".acme.example", None),
        ("[::1]:80", None),
        ("", None),
    ],
)
def test_a_subdomain(host: str, tenant: str | None) -> None:
    """The label next to the domain is the tenant; nothing else of a Host header is."""
    assert found("subdomain:acme.example", asked(host)) == tenant
    assert found("subdomain:.Acme.Example.", asked(host)) == tenant


@pytest.mark.parametrize(
    ("peer", "tenant"),
    [
        ("10.1.2.3", "acme"),
        ("::ffff:10.1.2.3", "acme"),
        ("8.8.8.8", None),
        ("fd00::1", "acme"),
        ("", None),
        ("?", None),
    ],
)
def test_a_header_counts_from_trusted_proxies_only(peer: str, tenant: str | None) -> None:
    """Whoever else sends it is nobody's tenant."""
    request = asked(peer=peer, x_tenant="acme")
    assert found("header:X-Tenant", request, trusted_proxies=("10.0.0.0/8", "fd00::/8")) == tenant
    assert found("header:X-Tenant", request) is None


def test_peers_by_name() -> None:
    """A Unix socket is called `unix`, and a star is everybody."""
    assert trusts(("unix",))("")
    assert not trusts(("unix",))("10.0.0.1")
    assert trusts(("*",))("8.8.8.8")


@pytest.mark.parametrize(
    ("claim", "claims", "tenant"),
    [
        ("tenant", {"tenant": "acme"}, "acme"),
        ("tenant", {"tenant": 42}, "42"),
        ("tenant", {"tenant": True}, None),
        ("tenant", {"tenant": ["acme"]}, None),
        ("tenant", {"sub": "x"}, None),
        ("tenant", ["tenant"], None),
        ("tenant", {"tenant": "a\nb"}, None),
        ("tenant", {"tenant": "x" * (TENANT_LIMIT + 1)}, None),
        ("org.id", {"org": {"id": "acme"}}, "acme"),
        ("org.id", {"org": "acme"}, None),
        ("https://acme.example/tenant", {"https://acme.example/tenant": "acme"}, "acme"),
    ],
)
def test_a_claim(claim: str, claims: Any, tenant: str | None) -> None:
    """A claim of the bearer token, by its whole name or step by step."""
    assert found(f"jwt:{claim}", asked(authorization=bearer(claims))) == tenant


@given(st.text() | st.binary().map(lambda raw: "Bearer e30." + urlsafe_b64encode(raw).decode() + ".s"))
def test_no_token_raises(token: str) -> None:
    """Whatever stands in the header: a safe name or nobody."""
    tenant = found("jwt:tenant", asked(authorization=token))
    assert tenant is None or tenant.isprintable()


@pytest.mark.parametrize(
    "token",
    ["", "Basic x", "Bearer", "Bearer a.b", "Bearer a.b.c.d", "Bearer a.!!.c", "Bearer a." + "x" * 20_000 + ".c",
     bearer({"tenant": "acme"}, "Basic"), "Bearer e30." + urlsafe_b64encode(b"[" * 9_000).decode() + ".s"],
)  # fmt: skip
def test_no_usable_token_is_nobody(token: str) -> None:
    """Broken, oversized, deeply nested and foreign ones."""
    assert found("jwt:tenant", asked(authorization=token)) is None


@given(st.text() | st.integers() | st.none() | st.floats() | st.binary())
def test_a_tenant_can_stand_in_a_line_and_a_label(value: Any) -> None:
    """Bounded and printable, whatever a resolver returns."""
    tenant = safe_tenant(value)
    assert tenant is None or (0 < len(tenant) <= TENANT_LIMIT and tenant.isprintable() and tenant == tenant.strip())


def test_a_function_is_asked_and_may_fail() -> None:
    """It gets host, path, peer and headers; what it raises is nobody's tenant and our own counted failure."""

    def rule(request: Asked) -> str:
        return request.path.split("/")[2] + request.header("X-Plan") + request.host + request.peer

    assert found(rule, asked("h", "p", "/t/acme", x_plan="-gold")) == "acme-goldhp"
    assert found(rule, asked(path="/")) is None


def test_an_async_function_is_refused() -> None:
    """It could not be asked on the path of a request."""

    async def rule(request: Asked) -> str:
        return "acme"

    config, warnings = read_config({}, {"tenant": rule})
    assert config.tenant == ""
    assert "must be a plain function" in warnings[0]


def wsgi(environ: Mapping[str, Any], start_response: Any) -> list[bytes]:
    saasobs.get_logger("shop").info("inside")
    if environ["PATH_INFO"] == "/known":
        saasobs.set_tenant("globex")
    start_response("200 OK", [])
    return [b"x"]


async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
    saasobs.get_logger("shop").info("inside")
    if scope["path"] == "/known":
        saasobs.set_tenant("globex")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x"})


async def test_the_tenant_of_a_request() -> None:
    """It is on the lines inside a request, on its own line and in the tenant's numbers; set_tenant comes before it."""
    with captured(tenant="subdomain:acme.example", tenants=("umbrella", "globex")) as out:
        ask(WsgiLayer(wsgi, out.instrumentation), HTTP_HOST="umbrella.acme.example")
        ask(WsgiLayer(wsgi, out.instrumentation), "/known", HTTP_HOST="umbrella.acme.example")
        transport = httpx.ASGITransport(app=out.instrumentation.wrap(asgi))
        async with httpx.AsyncClient(transport=transport, base_url="http://umbrella.acme.example") as http:
            await http.get("/")
            await http.get("/known")
        assert [each["tenant"] for each in out.lines("inside")] == ["umbrella"] * 4
        assert [each["tenant"] for each in out.lines(names.REQUEST_EVENT)] == ["umbrella", "globex"] * 2
        assert out.value(names.TENANT_SECONDS, **{names.TENANT: "umbrella"}) is not None


def test_a_proxy_outside_of_the_layer_hides_no_peer() -> None:
    """Behind a ProxyFix the peer that must be trusted is the proxy, not the client that it tells of."""
    more = {"werkzeug.proxy_fix.orig": {"REMOTE_ADDR": "10.0.0.1"}}
    for peer, tenant in (("10.0.0.0/8", "acme"), ("8.8.8.8", None)):
        with captured(tenant="header:X-Tenant", trusted_proxies=(peer,)) as out:
            ask(WsgiLayer(wsgi, out.instrumentation), REMOTE_ADDR="8.8.8.8", HTTP_X_TENANT="acme", environ=more)
            assert out.lines(names.REQUEST_EVENT)[0].get("tenant") == tenant
