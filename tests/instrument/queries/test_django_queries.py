"""Django's ORM and caches, in a process of their own: on PostgreSQL and SQLite, sync and async."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.postgres import PASSWORD, Postgres

SHOP = Path(__file__).with_name("django_shop.py")


def line_of(comment: str) -> int:
    return next(number for number, line in enumerate(SHOP.read_text().splitlines(), 1) if f"# {comment}" in line)


@pytest.fixture(scope="module", params=["sqlite3", "postgresql"])
def shop(request: pytest.FixtureRequest, postgres: Postgres) -> dict[str, Any]:
    command = [sys.executable, "-W", "error::ResourceWarning", SHOP, request.param, str(postgres.port), PASSWORD]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    found["engine"] = request.param
    return found


def told(shop: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [line for line in shop["lines"] if line.get("operation") == name]


def test_a_lazy_loop(shop: dict[str, Any]) -> None:
    """It is told with the app's line and Django's own cure; a driver below is not counted again."""
    assert shop["counts"]["lazy"] == 12
    (event,) = told(shop, "lazy")
    assert (event["event"], event["count"]) == ("queries.n_plus_one", 10)
    assert event["location"].endswith(f"django_shop.py:{line_of('the loop')}")
    assert "select_related" in event["advice"]
    assert event["system"] == ("postgresql" if shop["engine"] == "postgresql" else "sqlite")


def test_the_cure_works(shop: dict[str, Any]) -> None:
    """With select_related it is one query, and quiet."""
    assert shop["counts"]["together"] == 1
    assert not told(shop, "together")


def test_transactions_and_many_rows(shop: dict[str, Any]) -> None:
    """Savepoints are no queries, and bulk_create is one."""
    assert shop["counts"]["transaction"] == 2


def test_async(shop: dict[str, Any]) -> None:
    """Though the query runs in a thread, it is the request's, and the line is the coroutine's."""
    assert shop["counts"]["async"] == 8
    (event,) = told(shop, "async")
    assert event["count"] == 7
    assert event["location"].endswith(f"django_shop.py:{line_of('the async loop')}")


def test_wrappers_of_the_app_stay_the_apps(shop: dict[str, Any]) -> None:
    """A connection that opens inside `execute_wrapper` leaves the app's wrappers as they would be without us."""
    assert shop["counts"]["wrapper"] == (2 if shop["engine"] == "postgresql" else 0)


def test_caches(shop: dict[str, Any]) -> None:
    """Hits and misses by alias, once for each look-up, whatever the backend asks of itself."""
    expected = {"hit": 3.0, "miss": 4.0}
    assert shop["caches"] == {
        f"{alias} {result}": number for alias in ("default", "table") for result, number in expected.items()
    }


def test_nothing_of_ours_failed(shop: dict[str, Any]) -> None:
    """No hook had to be guarded."""
    assert shop["errors"] == []
