"""`python -m dashboards.preview [NAME …] [--out FOLDER]`: the dashboards as pictures; 1 if a panel is empty."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Final

import httpx

from dashboards.preview import asking
from dashboards.preview.drawing import Drawn, bundle, draw

FOLDER: Final = Path(__file__).parents[1]
_NOTE: Final = "rendered with @grafana/ui, not Grafana"
_DRAWING: Final = {"node": "nodejs", "npm": "npm", "chromium": "chromium"}
_SCENE: Final = {
    "postgres": "postgresql-15", "psql": "postgresql-client-15", "redis-server": "redis-server",
    "redis-cli": "redis-tools", "prometheus": "prometheus", "promtool": "prometheus",
    "prometheus-postgres-exporter": "prometheus-postgres-exporter",
    "prometheus-redis-exporter": "prometheus-redis-exporter",
}  # fmt: skip
_PATH: Final = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/lib/postgresql/15/bin"))
_CHOSEN: Final = {"service": {"service": "shop"}}
"""What is chosen at the top of a dashboard, where a picture of everything would be a crowd."""
_LIVE: Final = 150.0
_WARM_UP: Final = 45.0


def main(words: Sequence[str] | None = None) -> int:
    """:returns: 0 all is drawn and shows something, 1 something is empty or fails, 2 this machine lacks a program."""
    options = _parser().parse_args(words)
    needed = _DRAWING if options.prometheus else {**_DRAWING, **_SCENE}
    missing = sorted({package for program, package in needed.items() if not shutil.which(program, path=_PATH)})
    if missing:
        _say(f"Not installed: {', '.join(missing)} (Debian: apt-get install {' '.join(missing)}).")
        return 2
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        complaints = list(_drawn(options))
    except KeyboardInterrupt:
        return 130
    except (AssertionError, OSError, RuntimeError, subprocess.SubprocessError, httpx.HTTPError) as error:
        _say(f"{type(error).__name__}: {error}")
        return 1
    for complaint in complaints:
        _say(complaint)
    return 1 if complaints else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dashboards.preview", description=__doc__)
    parser.add_argument("names", nargs="*", help="dashboards, such as `overview`, or files; all, if none is named")
    parser.add_argument("--out", type=Path, default=Path("docs/images"), help="for the pictures (%(default)s)")
    parser.add_argument("--seconds", type=float, default=_LIVE, help="of live traffic (%(default)g)")
    parser.add_argument("--since", default="", help="such as 15m: how far back the pictures go")
    parser.add_argument("--prometheus", default="", help="ask this one instead of running the scene")
    return parser


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _chosen(names: Sequence[str]) -> list[Path]:
    """:raises FileNotFoundError: there is no such dashboard."""
    files = [Path(name) if name.endswith(".json") else FOLDER / f"{name}.json" for name in names]
    for file in files:
        file.stat()
    return files or sorted(FOLDER.glob("*.json"))


def _drawn(options: argparse.Namespace) -> Iterator[str]:
    """Makes the pictures; complaints."""
    files, out, url = _chosen(options.names), options.out, options.prometheus
    with tempfile.TemporaryDirectory(prefix="saasobs-preview-") as name:
        work = Path(name)
        _say("Bundling the panels of @grafana/ui …")
        dist = bundle(work)
        pages = (
            _asked(files, url, options.since)
            if url
            else _asked_of_the_scene(files, work / "scene", options.seconds, options.since)
        )
        out.mkdir(parents=True, exist_ok=True)
        for file, page in pages:
            picture = out.resolve() / f"dashboard-{file.stem}.png"
            drawn: Drawn = draw(page, dist, picture, work)
            _say(f"Drawn: {picture} ({picture.stat().st_size // 1000} kB).")
            yield from (f"{file.stem}: {complaint}" for complaint in (*_refused(page), *drawn.complaints))


def _asked_of_the_scene(
    files: Sequence[Path], folder: Path, seconds: float, since: str
) -> list[tuple[Path, dict[str, Any]]]:
    """Everything is asked before the scene ends; drawing needs the processor for itself."""
    from dashboards.scene import History, running  # noqa: PLC0415 - another Prometheus needs none of it

    folder.mkdir()
    _say(f"Starting the scene: its services, {_WARM_UP:.0f} s of traffic, 35 days of history …")
    with running(folder, interval="5s", warm_up=_WARM_UP, history=History()) as scene:
        _say(f"Prometheus is at {scene.prometheus}. Now {seconds:.0f} s of it live …")
        time.sleep(seconds)
        _say("Asking …")
        return _asked(files, scene.prometheus, since)


def _asked(files: Sequence[Path], url: str, since: str) -> list[tuple[Path, dict[str, Any]]]:
    now, prometheus = time.time(), asking.Prometheus(url)
    return [(file, _page(file, prometheus, now, since)) for file in files]


def _page(file: Path, prometheus: asking.Prometheus, now: float, since: str) -> dict[str, Any]:
    """What the page gets as `window.SCENE` (src/scene.ts)."""
    dashboard = json.loads(file.read_text(encoding="utf-8"))
    window = asking.Range(now, now).before(since) if since else asking.range_of(dashboard, now)
    variables = asking.variables(dashboard, prometheus, window, _CHOSEN.get(file.stem, {}))
    answers = {
        panel["id"]: asking.answers(panel, prometheus, window, variables.values) for panel in dashboard["panels"]
    }
    return {
        "dashboard": dashboard,
        "answers": answers,
        "marks": asking.marks(dashboard, prometheus, window, variables.values),
        "variables": variables.shown,
        "from": window.start * 1000,
        "to": window.end * 1000,
        "words": {**variables.values, **variables.words},
        "note": _NOTE,
    }


def _refused(page: dict[str, Any]) -> Iterator[str]:
    """Targets that Prometheus does not take, and those that have no answer."""
    titles = {panel["id"]: panel.get("title", "") for panel in page["dashboard"]["panels"]}
    for number, answers in page["answers"].items():
        for answer in answers:
            if "error" in answer:
                yield f"{titles[number]} {answer['refId']}: {answer['error']}"
            elif not answer["series"]:
                yield f"{titles[number]} {answer['refId']}: no series"


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
