"""The house: rooms, arrows and what the light door may load."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_arrows_go_one_way() -> None:
    """core <- options <- siblings <- settings <- daemon <- cli, and core is standard library only (pyproject.toml)."""
    linter = Path(sys.executable).with_name("lint-imports")
    told = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout


def test_every_room_says_what_it_is_for() -> None:
    """Each module of the package begins with a docstring."""
    bare = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "src").rglob("*.py")
        if not path.read_text().lstrip().startswith(('"""', 'r"""'))
    ]
    assert bare == []


def test_no_room_is_a_junk_room() -> None:
    """No module is called utils, helpers, manager or common, and none is longer than 450 lines."""
    for path in (ROOT / "src").rglob("*.py"):
        assert path.stem not in {"utils", "helpers", "manager", "common"}, path
        assert len(path.read_text().splitlines()) <= 450, path
