"""Whose frame a query comes from."""

from __future__ import annotations

import asyncio
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import greenlet  # type: ignore[import-untyped] # it has no types
import pytest

import saasobs
from saasobs.instrument.queries.places import NOWHERE, Site, calling_site, is_app_file, shown

HERE = str(Path(__file__).relative_to(Path.cwd()))


@pytest.mark.parametrize(
    "file",
    [
        "<frozen importlib._bootstrap>", "<string>", asyncio.__file__, saasobs.__file__, pytest.__file__,
        f"{sysconfig.get_path('purelib')}/sqlalchemy/orm.py", "/app/.venv/lib/site-packages/x.py",
        "/usr/lib/python3/dist-packages/x.py",
    ],
)  # fmt: skip
def test_libraries_are_not_the_app(file: str) -> None:
    """Installed packages, the standard library, generated code and ourselves."""
    assert not is_app_file(file)


@pytest.mark.parametrize("file", ["/app/shop/orders.py", __file__, "/app/templates/order.html", "shop.py"])
def test_the_rest_is(file: str) -> None:
    """Templates too."""
    assert is_app_file(file)


def library(source: str, **names: Any) -> dict[str, Any]:
    """The names of a module that is no app's."""
    exec(compile(source, "/x/site-packages/library.py", "exec"), names)
    return names


call: Callable[[Callable[[], Any]], Site] = library("def call(function):\n    return function()")["call"]


def test_the_innermost_own_frame_is_told() -> None:
    """Past the libraries, with its line."""
    line = sys._getframe().f_lineno + 1
    assert shown(call(lambda: call(calling_site))) == f"{HERE}:{line}"


def test_across_greenlets() -> None:
    """A library that runs things in a greenlet hides the frames above; they are found."""

    def from_above() -> Site:
        return calling_site()

    source = "def spawn():\n    return greenlet(lambda: greenlet(calling_site).switch()).switch()"
    spawn = library(source, calling_site=calling_site, greenlet=greenlet.greenlet)["spawn"]
    line = sys._getframe().f_lineno + 1
    assert shown(spawn()) == f"{HERE}:{line}"
    assert shown(greenlet.greenlet(from_above).switch()) == f"{HERE}:{from_above.__code__.co_firstlineno + 1}"


def test_no_own_frame_is_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread of a library's has none."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor() as pool:
        assert pool.submit(calling_site).result() == NOWHERE
    assert shown(NOWHERE) == ""


def test_it_is_shown_from_where_the_app_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Relative to the working folder, else to where it is imported from, else whole; without a working folder too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", "/srv", "/srv/app"])
    assert shown(site(str(tmp_path / "shop" / "orders.py"))) == "shop/orders.py:42"
    assert shown(site("/srv/app/shop/orders.py")) == "shop/orders.py:42"
    assert shown(site("/elsewhere/orders.py")) == "/elsewhere/orders.py:42"
    tmp_path.rmdir()
    assert shown(site("/srv/app/orders.py")) == "orders.py:42"


def site(file: str) -> Site:
    """The 42nd line of a file."""
    return compile("\n" * 41 + "x = 1", file, "exec"), 2


def test_a_deep_stack_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A walk has an end, however deep the libraries go."""

    def deep(levels: int) -> Site:
        return calling_site() if not levels else call(lambda: deep(levels - 1))

    assert shown(deep(200)).startswith(f"{HERE}:")
