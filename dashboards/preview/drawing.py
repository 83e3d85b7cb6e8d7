"""From a dashboard and its answers to a picture: a page of its own, photographed by headless Chromium."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
WIDTH: Final = 1600
_ROW, _HEAD, _FOOT = 30 + 8, 96, 16
_PAGE: Final = """\
<!doctype html><meta charset="utf-8"><title>{title}</title><link rel="stylesheet" href="{dist}/main.css">
<body style="margin:0;background:#111217"><div id="root"></div>
<script>window.SCENE = {scene}</script><script src="{dist}/main.js"></script></body>
"""
_TOLD: Final = re.compile(r'"PREVIEW (.*?)", source:')


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture, and what the page complains of: empty, failed and unknown panels."""

    picture: Path
    complaints: tuple[str, ...]


def bundle(folder: Path) -> Path:
    """The page's script, made by npm and esbuild; `node_modules` is fetched once (444 MB)."""
    if not (HERE / "node_modules").exists():
        words = [
            "npm",
            "install",
            "--legacy-peer-deps",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--no-package-lock",
        ]
        subprocess.run(words, cwd=HERE, check=True, timeout=900)
    dist = folder / "dist"
    subprocess.run(["node", "build.mjs", str(dist)], cwd=HERE, check=True, timeout=300)
    return dist


def draw(scene: dict[str, Any], dist: Path, picture: Path, work: Path) -> Drawn:
    """:raises RuntimeError: there is no Chromium, or it drew nothing."""
    browser = shutil.which("chromium")
    if not browser:
        raise RuntimeError("chromium is not installed (Debian: apt-get install chromium)")
    page = work / f"{picture.stem}.html"
    page.write_text(_page(scene, dist), encoding="utf-8")
    picture.unlink(missing_ok=True)
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1",
        f"--user-data-dir={work / 'browser'}", "--enable-logging=stderr", "--virtual-time-budget=20000",
        f"--window-size={WIDTH},{height(scene['dashboard'])}", f"--screenshot={picture}", page.as_uri(),
    ]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    if not picture.exists():
        raise RuntimeError(f"Chromium drew nothing: {ended.stderr[-2000:]}")
    told = [line for line in ended.stderr.splitlines() if "CONSOLE" in line]
    ours = [found[1] for line in told if (found := _TOLD.search(line))]
    errors = [line for line in told if "Uncaught" in line]
    return Drawn(picture, tuple(dict.fromkeys([*ours, *errors])))


def _page(scene: dict[str, Any], dist: Path) -> str:
    text = json.dumps(scene).replace("<", "\\u003c")
    return _PAGE.format(title=scene["dashboard"]["title"], dist=dist.as_uri(), scene=text)


def height(dashboard: dict[str, Any]) -> int:
    """Of the whole page, in pixels."""
    rows = max((panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"]), default=1)
    return _HEAD + rows * _ROW + _FOOT
