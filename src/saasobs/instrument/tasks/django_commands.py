"""Management commands as jobs: `manage.py send_invoices` is the job `send_invoices`.

The app's own commands and those of its packages are jobs. Django's own are not (`runserver`, `shell`, `migrate`: a
person runs them and sees how they end), except `clearsessions`, which cron runs. Commands that never end (a queue's
worker, a development server) are not: what they work on are operations of their own. Nor is a command that runs inside
an operation, where it is a part of the work. `disable=("django.commands",)` leaves all of them alone.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

from django.core.management.base import BaseCommand

from saasobs.instrument.state import current
from saasobs.instrument.tasks.job import Job

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation

_MARK: Final = "__saasobs__"
_JOBS_OF_DJANGO: Final = frozenset({"clearsessions"})
_ENDLESS: Final = frozenset({
    "celery", "daphne", "db_worker", "procrastinate", "process_tasks", "qcluster", "qmonitor", "rqscheduler",
    "rqworker", "run_huey", "rundramatiq", "runserver", "runserver_plus", "runworker", "shell", "shell_plus", "test",
    "tailwind",
})  # fmt: skip


def install(process: Instrumentation) -> None:
    """Have `execute`, through which the command line and `call_command` both go, begin a job."""
    original = BaseCommand.execute
    if hasattr(original, _MARK) or "django.commands" in process.config.disable:
        return

    @functools.wraps(original)
    def execute(self: Any, *args: Any, **options: Any) -> Any:
        name = job_name(type(self).__module__)
        if not name or current() is not None:
            return original(self, *args, **options)
        with Job(name):
            return original(self, *args, **options)

    setattr(execute, _MARK, True)
    BaseCommand.execute = execute


def job_name(module: str) -> str:
    """The name of the job that a command's module makes, or nothing when it makes none."""
    name = module.rpartition(".")[2]
    if module.startswith("django."):
        return name if name in _JOBS_OF_DJANGO else ""
    return "" if name in _ENDLESS else name
