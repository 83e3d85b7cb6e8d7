"""Templates: the environment, and the few words that pages share. Everything is escaped unless a template says not."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from saasobs.core.incident import MonitorState
from saasobs.core.objective import budget_percent, percent
from saasobs.core.result import REASONS, Reason
from saasobs.core.values import SECOND, format_duration, to_datetime

_HERE = Path(__file__).parent
ASSETS = _HERE / "assets"


def ago(moment: int, now: int) -> str:
    """``just now``, ``42s ago``, ``3h05m ago``; ``never`` for 0."""
    if not moment:
        return "never"
    passed = (now - moment) // SECOND * SECOND
    return f"{format_duration(passed)} ago" if passed >= SECOND else "just now"


def clock(moment: int) -> str:
    """``2026-11-22 14:03:07 UTC``: no doubt about the zone, for a page that people in several zones read."""
    return to_datetime(moment).strftime("%Y-%m-%d %H:%M:%S UTC") if moment else "never"


def machine_time(moment: int) -> str:
    """For the datetime attribute of <time>."""
    return to_datetime(moment).isoformat(timespec="milliseconds")


def path_part(text: str) -> str:
    """A text as one part of a URL's path."""
    return quote(text, safe="", errors="replace")


def condition(state: MonitorState) -> str:
    """The one word that a person needs about a monitor: its status, or that it is paused."""
    return "paused" if state.paused else str(state.status)


def reason_text(reason: Reason | None) -> str:
    return REASONS[reason] if reason else ""


def bars(phases: dict[str, int]) -> list[tuple[str, int, float, float]]:
    """Phases as (name, micros, left, width), the last two in percent of the whole: for an SVG of 100 units."""
    whole = sum(phases.values()) or 1
    left = 0.0
    drawn = []
    for name, micros in phases.items():
        width = 100 * micros / whole
        drawn.append((name, micros, round(left, 2), round(width, 2)))
        left += width
    return drawn


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        ago=ago,
        clock=clock,
        machine_time=machine_time,
        path_part=path_part,
        condition=condition,
        reason_text=reason_text,
        duration=format_duration,
        bars=bars,
        percent=percent,
        budget_percent=budget_percent,
    )
    return environment


_ENVIRONMENT = _environment()


def render(template: str, **values: Any) -> str:
    """One page. Text that is no valid Unicode is replaced, so that it can be sent."""
    page = _ENVIRONMENT.get_template(template).render(**{"refresh": 0, "section": "", **values})
    return page.encode("utf-8", "replace").decode()
