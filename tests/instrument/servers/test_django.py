"""Django: one line in INSTALLED_APPS, and every route, status, user and command is right, sync and async."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from saasobs.apps import is_reloader
from saasobs.instrument import names
from saasobs.instrument.tasks.django_commands import job_name
from support.django_matrix import CASES, Case

TESTS = Path(__file__).parents[2]
pytestmark = pytest.mark.xdist_group("django")
_matrices: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {}


def run(*arguments: str, code: int = 0, **environment: str) -> list[dict[str, Any]]:
    """The lines that a Python program writes, in a process of its own: Django is set up once in each."""
    known = {"PYTHONPATH": str(TESTS), "DJANGO_SETTINGS_MODULE": "support.django_shop.settings"}
    command = [sys.executable, "-W", "ignore", *arguments]
    ended = subprocess.run(
        command, env={**os.environ, **known, **environment}, capture_output=True, text=True, check=False, timeout=100
    )
    assert ended.returncode == code, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def matrix(kind: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What was measured through one handler, and all its lines; asked once."""
    if kind not in _matrices:
        lines = run("-m", "support.django_matrix", kind)
        (measured,) = (line["matrix"] for line in lines if "matrix" in line)
        _matrices[kind] = (measured, [line for line in lines if "matrix" not in line])
    return _matrices[kind]


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{case.method}{case.path}" for case in CASES])
@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_the_matrix(kind: str, number: int) -> None:
    """Each case has the right route, status, tenant and outcome, one line, one count, and one ID: ours."""
    case: Case = CASES[number]
    measured, lines = matrix(kind)
    name = f"case-{number}"
    (line,) = (each for each in lines if each["correlation_id"] == name and each["event"] == names.REQUEST_EVENT)
    # Under WSGI Django reads an async iterator to its end before the first byte: there the server answers 500.
    status = 500 if (kind, case.path) == ("wsgi", "/async-broken-stream/") else case.status
    assert (line["route"], line["status"], line.get("outcome", "ok")) == (case.route, status, case.outcome)
    assert (line.get("error_type", ""), line["tenant"]) == (case.error, "globex")
    method = "_OTHER" if case.method == "FOO" else case.method
    assert measured[name]["counted"] == [f"{method} {case.route} {status}"]
    assert measured[name]["ids"] == [name]
    if "stream" in case.path:
        assert line["duration_ms"] >= 300 - 1


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_a_view_logs_with_its_request(kind: str) -> None:
    """Sync and async views log with the ID, the tenant and the trace of their request, under the service's name."""
    _, lines = matrix(kind)
    inside = [line for line in lines if line["event"] == "inside"]
    requests = {line["correlation_id"]: line for line in lines if line["event"] == names.REQUEST_EVENT}
    assert len(inside) == 7
    for line in inside:
        request = requests[line["correlation_id"]]
        assert (line["trace_id"], line["tenant"]) == (request["trace_id"], "globex")
        assert line["service"] == "django-shop"
    assert "s3cret" not in json.dumps([line for line in lines if line["event"] != "matrix"])


_CLIENT = """
import django
django.setup()
import asyncio
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.db import connection
call_command("migrate", verbosity=0)
user = User.objects.create_user("ada", password="x")
client = Client(raise_request_exception=False)
assert client.get("/v1/outer/acme/r/x/1/").headers["X-Request-ID"]
client.force_login(user)
with CaptureQueriesContext(connection, ) as queries:
    client.get("/who/not/")
assert len(queries) == 0, queries.captured_queries
assert client.get("/who/").content == b"1"
client.get("/boom/3/")
assert b"".join(client.get("/stream/").streaming_content) == b"partpartpart"
try:
    Client().get("/boom/4/")
except RuntimeError:
    pass
async def main():
    client = AsyncClient(raise_request_exception=False)
    assert (await client.get("/async/me/")).headers["X-Request-ID"]
    await client.get("/async-boom/4/")
asyncio.run(main())
"""


def test_the_test_clients() -> None:
    """Requests of Django's test clients are seen; the user is told if the view has looked, and else nobody asks."""
    lines = [line for line in run("-c", _CLIENT) if line["event"] == names.REQUEST_EVENT]
    told = [(line["route"], line["status"], line.get("user_id"), line.get("error_type")) for line in lines]
    assert told == [
        ("/v1/outer/{tenant}/r/x/{y}/", 200, None, None),
        ("/who/not/", 200, None, None),
        ("/who/", 200, "1", None),
        ("/boom/{id}/", 500, None, "RuntimeError"),
        ("/stream/", 200, None, None),
        ("/boom/{id}/", 500, None, "RuntimeError"),
        ("/async/{name}/", 200, None, None),
        ("/async-boom/{id}/", 500, None, "RuntimeError"),
    ]


def test_a_command_is_a_job() -> None:
    """It has an ID, a duration, an outcome; a failing one fails as it always did."""
    inside, job = run("-m", "django", "send_invoices")
    assert (inside["event"], inside["correlation_id"]) == ("inside", job["correlation_id"])
    assert (job["event"], job["name"], job["outcome"]) == (names.JOB_EVENT, "send_invoices", "success")
    failed = run("-m", "django", "send_invoices", "--fail", code=1)
    assert [(line["outcome"], line["error_type"]) for line in failed if line["event"] == names.JOB_EVENT] == [
        ("failure", "RuntimeError")
    ]


def test_commands_can_be_left_alone() -> None:
    """With `django.commands` disabled none is a job."""
    (inside,) = run("-m", "django", "send_invoices", SAASOBS_DISABLE="django.commands")
    assert "correlation_id" not in inside


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("shop.management.commands.send_invoices", "send_invoices"),
        ("django.core.management.commands.migrate", ""),
        ("django.contrib.sessions.management.commands.clearsessions", "clearsessions"),
        ("django_rq.management.commands.rqworker", ""),
        ("django_extensions.management.commands.runserver_plus", ""),
    ],
)
def test_which_commands_are_jobs(module: str, name: str) -> None:
    """The app's and its packages', except those that never end; of Django's own what cron runs."""
    assert job_name(module) == name


def test_the_reloader_is_left_alone() -> None:
    """runserver's outer process serves nothing, and must not take the port of the metrics."""
    assert is_reloader(["manage.py", "runserver"], {})
    assert not is_reloader(["manage.py", "runserver"], {"RUN_MAIN": "true"})
    assert not is_reloader(["manage.py", "runserver", "--noreload"], {})
    assert not is_reloader(["manage.py", "migrate"], {})


def test_a_setting_that_is_none_is_told() -> None:
    """A wrong key of the dictionary is one warning, and Django starts."""
    code = (
        "from django.conf import settings\nsettings.configure(INSTALLED_APPS=['saasobs'], SAASOBS={'servise': 'x'})\n"
    )
    (line,) = run("-c", code + "import django\ndjango.setup()")
    assert (line["event"], "servise" in line["problem"]) == (names.MISCONFIGURED_EVENT, True)


def test_without_django_nothing_of_it_is_loaded() -> None:
    """Neither the door nor the instrumentation imports Django."""
    code = "import sys, saasobs\nsaasobs.instrument()\nassert not [n for n in sys.modules if n.startswith('django')]"
    assert run("-c", code) == []


def test_any_instrument_call_will_do() -> None:
    """Django that is imported after `saasobs.instrument()` is instrumented without INSTALLED_APPS."""
    code = """
import saasobs
saasobs.instrument(service="plain")
from django.conf import settings
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x")
from django.http import HttpResponse
from django.urls import path
urlpatterns = [path("orders/<int:id>/", lambda request, id: HttpResponse("ok"))]
from django.core.wsgi import get_wsgi_application
from support.wsgi_client import ask
app = saasobs.instrument(get_wsgi_application())
assert ask(app, "/orders/3/").body == b"ok"
"""
    (line,) = run("-c", code)
    assert (line["route"], line["service"]) == ("/orders/{id}/", "plain")
