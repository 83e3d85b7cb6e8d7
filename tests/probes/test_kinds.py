"""The table of kinds: each row leads somewhere, and only what is used is loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from saasobs.options import KindOptions
from saasobs.probes import KINDS, Probes, Tools
from support.probing import Others, Pings, WallClock

HEAVY = ("dns.message", "websockets", "h2", "cryptography", "pymongo", "bson")


@pytest.mark.parametrize("name", KINDS)
async def test_every_row_leads_somewhere(name: str) -> None:
    """Options and probe are there under the names that the table gives."""
    kind = KINDS[name]
    assert issubclass(kind.options, KindOptions)
    assert kind.summary.endswith(".")
    probes = Probes(Tools(WallClock(), Pings(), Others()))
    assert list(probes) == []
    assert probes[name] is probes[name]
    await probes[name].close()


def test_a_kind_that_nobody_uses_is_not_loaded(tmp_path: Path) -> None:
    """A file with one http monitor is read without the parts of the others."""
    (tmp_path / "saasobs.yaml").write_text("monitors: [{name: api, kind: http, url: 'http://127.0.0.1/'}]\n")
    code = "import sys, pathlib, saasobs.settings as s; s.load(pathlib.Path('saasobs.yaml'), {}); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    modules = loaded.stdout.split()
    assert "saasobs.probes.http.options" in modules
    assert [name for name in HEAVY if name in modules] == []
    assert [name for name in modules if name.startswith("saasobs.probes.dns")] == []
