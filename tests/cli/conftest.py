"""Command lines against the real web app on a Unix socket, with an operator that holds known facts."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from saasobs.cli.main import main
from saasobs.web import operator_app
from support.asgi_server import serving
from support.asking import Ask
from support.operator import FakeOperator, a_busy_operator


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name: a socket's path has about 100 bytes."""
    with tempfile.TemporaryDirectory(prefix="so-") as name:
        yield Path(name)


@pytest.fixture
def operator() -> FakeOperator:
    return a_busy_operator()


@pytest.fixture
def ask(folder: Path, operator: FakeOperator, capsys: pytest.CaptureFixture[str]) -> Iterator[Ask]:
    """Run a command line against the operator."""
    path = folder / "saasobs.sock"
    with serving(operator_app(operator), uds=str(path)):

        def run(*words: str) -> tuple[int, str]:
            code = main([*words, "--socket", str(path)])
            told = capsys.readouterr()
            return code, told.out + told.err

        yield run
