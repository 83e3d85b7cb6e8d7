"""`import saasobs` is light, and `saasobs.instrument(app)` is all that an app needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import saasobs

HEAVY = (
    *("alembic", "apscheduler", "fastapi", "httpx", "jinja2", "pycurl", "pydantic", "rich"),
    *("slack_sdk", "sqlalchemy", "starlette", "uvicorn", "yaml"),
)


def run(code: str, **environ: str) -> str:
    """Run code in a fresh interpreter; returns its output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SAASOBS", "COVERAGE", "COV_"))}
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False, env={**kept, **environ}
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize(
    "imports",
    [
        "import saasobs",
        *(
            f"import saasobs.instrument.{name}"
            for name in ("servers.asgi", "logs.out", "metrics.registry", "process", "state")
        ),
    ],
)
def test_the_door_is_light(imports: str) -> None:
    """In a fresh interpreter the import loads none of the daemon's or a framework's dependencies."""
    loaded = run(f"import sys\n{imports}\nprint(*sys.modules)").split()
    assert [name for name in HEAVY if name in loaded] == []


def test_the_bare_import_loads_next_to_nothing() -> None:
    """`import saasobs` loads not even what the instrumentation itself needs."""
    loaded = run("import sys\nimport saasobs\nprint(*sys.modules)").split()
    assert [name for name in ("structlog", "prometheus_client", "orjson", "logging") if name in loaded] == []


def test_the_room_and_the_function_share_a_name() -> None:
    """Whatever was imported first, `saasobs.instrument` can be called."""
    code = (
        "import saasobs{}\nfrom saasobs import instrument\nassert callable(saasobs.instrument) and callable(instrument)"
    )
    run(code.format(""))
    run(code.format(", saasobs.instrument.servers.asgi"))
    assert {"instrument", "get_logger", "bind", "__version__"} <= set(dir(saasobs))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        saasobs.nothing  # noqa: B018


_APP = """
import asyncio, httpx, saasobs
from fastapi import FastAPI
app = FastAPI()
assert saasobs.instrument(app, service="billing", version="1.2") is app
assert saasobs.instrument(app) is app

@app.get("/x/{y}")
async def x(y: int):
    saasobs.bind(order=y)
    saasobs.get_logger().info("invoice.sent")
    return y

@app.get("/boom")
async def boom():
    raise ValueError("no")

async def main():
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as http:
        assert (await http.get("/x/7")).headers["x-request-id"]
        assert (await http.get("/boom")).headers.get_list("x-request-id")[0]
asyncio.run(main())
"""


def test_one_line_for_fastapi() -> None:
    """A FastAPI app is changed in place, once, outside of its own error handling; logs go to stdout as JSON."""
    lines = [json.loads(line) for line in run(_APP, SAASOBS_SERVICE="env", SAASOBS_ENVIRONMENT="prod").splitlines()]
    sent, first, fault, second = (line for line in lines if line["logger"] != "httpx")
    assert (fault["event"], fault["error_type"], fault["route"]) == ("exception", "ValueError", "/boom")
    assert (sent["event"], sent["order"], sent["logger"]) == ("invoice.sent", 7, "__main__")
    assert (first["route"], first["order"], first["service"], first["environment"]) == ("/x/{y}", 7, "billing", "prod")
    assert first["correlation_id"] == sent["correlation_id"]
    assert (second["route"], second["status"], second["error_type"]) == ("/boom", 500, "ValueError")


_WRONG = """
import saasobs
class Flaskish:
    def wsgi_app(self): ...
    def __call__(self): ...
class Frozen:
    __slots__ = ("build_middleware_stack", "middleware_stack")
    def __init__(self): self.build_middleware_stack = self.middleware_stack = None
flask, frozen = Flaskish(), Frozen()
assert saasobs.instrument(flask) is flask
assert saasobs.instrument(frozen, nonsense=1) is frozen
async def app(scope, receive, send): ...
layer = saasobs.instrument(app)
assert layer is not app and saasobs.instrument(layer) is layer
"""


def test_what_cannot_be_instrumented_runs_as_before() -> None:
    """A wrong app, a wrong argument and a wrong variable are each one warning, and the app comes back as it was."""
    lines = [json.loads(line) for line in run(_WRONG, SAASOBS_LOG_LEVEL="loud").splitlines()]
    problems = [line["problem"] for line in lines if line["event"] == "saasobs.misconfigured"]
    assert [problem.split()[0] for problem in problems] == ["SAASOBS_LOG_LEVEL", "Flaskish"]
    assert [line["error_type"] for line in lines if "error_type" in line] == ["AttributeError"]
