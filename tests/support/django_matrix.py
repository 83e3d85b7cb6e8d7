"""What the instrumentation says of each kind of request to a Django project, through both of its handlers.

A program (`python -m support.django_matrix wsgi`), because Django is set up once in a process; it prints JSON.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
from typing import Any, NamedTuple

import httpx

from saasobs.instrument import names
from support.wsgi_client import ask


class Case(NamedTuple):
    """One request, and what is right for it."""

    method: str
    path: str
    route: str
    status: int
    outcome: str = "ok"
    error: str = ""


CASES = (
    Case("GET", "/v1/outer/acme/r/x/1/", "/v1/outer/{tenant}/r/x/{y}/", 200),
    Case("HEAD", "/v1/outer/acme/r/x/1/", "/v1/outer/{tenant}/r/x/{y}/", 200),
    Case("GET", "/v1/outer/acme/regex/1/", "/v1/outer/{tenant}/regex/{z}/", 200),
    Case("GET", "/old/v7/r/x/1/", "/old/{version}/r/x/{y}/", 200),
    Case("GET", "/es/shop/shoe/", "/es/shop/{item}/", 200),
    Case("GET", "/admin/auth/user/1/change/", "/admin/auth/user/{object_id}/change/", 302),
    Case("GET", "/admin/nope/nope/", "/admin/{url}", 302),
    Case("GET", "/wp-login.php", "__unmatched__", 404),
    Case("GET", "/missing/3/", "/missing/{id}/", 404),
    Case("GET", "/plain", "__unmatched__", 301),
    Case("POST", "/plain/", "/plain/", 405),
    Case("OPTIONS", "/plain/", "/plain/", 200),
    Case("FOO", "/plain/", "/plain/", 405),
    Case("GET", "/reset/s3cret/", "/reset/{token}/", 200),
    Case("GET", "/boom/3/", "/boom/{id}/", 500, error="RuntimeError"),
    Case("GET", "/async/me/", "/async/{name}/", 200),
    Case("GET", "/async-boom/3/", "/async-boom/{id}/", 500, error="RuntimeError"),
    Case("GET", "/stream/", "/stream/", 200),
    Case("GET", "/async-stream/", "/async-stream/", 200),
    Case("GET", "/broken-stream/", "/broken-stream/", 200, "error", "RuntimeError"),
    Case("GET", "/async-broken-stream/", "/async-broken-stream/", 200, "error", "RuntimeError"),
    Case("GET", "/file/", "/file/", 200),
)
HOST = "globex.acme.example"


def measure(kind: str) -> dict[str, Any]:
    """The header and the series of each case, which is the request `case-N`; its lines are on stdout."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "support.django_shop.settings"
    app = importlib.import_module(f"support.django_shop.{kind}").application
    return {f"case-{number}": _one(kind, app, case, f"case-{number}") for number, case in enumerate(CASES)}


def _one(kind: str, app: Any, case: Case, name: str) -> dict[str, Any]:
    from saasobs.instrument.installing import running

    process = running()
    assert process is not None
    before = _counted(process)
    ids = _ask_wsgi(app, case, name) if kind == "wsgi" else asyncio.run(_ask_asgi(app, case, name))
    process.logs.flush(5)
    return {
        "ids": ids,
        "counted": [series for series, value in _counted(process).items() if before.get(series) != value],
    }


def _ask_wsgi(app: Any, case: Case, name: str) -> list[str]:
    return ask(app, case.path, case.method, HTTP_HOST=HOST, HTTP_X_REQUEST_ID=name).header("x-request-id")


async def _ask_asgi(app: Any, case: Case, name: str) -> list[str]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as http:
        answer = await http.request(case.method, case.path, headers={"X-Request-ID": name})
        return answer.headers.get_list("x-request-id")


def _counted(process: Any) -> dict[str, float]:
    return {
        "{http_request_method} {http_route} {http_response_status_code}".format(**sample.labels): sample.value
        for family in process.metrics.registry.collect()
        for sample in family.samples
        if sample.name == f"{names.REQUEST_DURATION}_count"
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"matrix": measure(sys.argv[1])}))
