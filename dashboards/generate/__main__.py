"""`python -m dashboards.generate`: writes dashboards/*.json and docs/dashboards.md; `--check`: would it change them?"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from dashboards.generate import document
from dashboards.generate.boards import PAGES

ROOT: Final = Path(__file__).parents[2]


def main(words: list[str] | None = None) -> int:
    """:returns: 1 if `--check` found a file that is not what the code makes of it."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail if a file would change")
    check: bool = parser.parse_args(words).check
    stale = 0
    for name, text in written().items():
        file = ROOT / name
        if file.exists() and file.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        print(f"{'out of step' if check else 'written'}: {name}", file=sys.stderr)
        if not check:
            file.write_text(text, encoding="utf-8")
    return 1 if check and stale else 0


def written() -> dict[str, str]:
    """Every file with what stands in it."""
    boards = {f"dashboards/{page.file}": page.written() for page in PAGES}
    return {**boards, "docs/dashboards.md": document.page(PAGES)}


if __name__ == "__main__":
    raise SystemExit(main())
