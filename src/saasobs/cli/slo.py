"""`saasobs slo [NAME]`: how available monitors were, how fast, and what is left of their error budgets."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from saasobs.cli.client import Client
from saasobs.cli.command import Exit
from saasobs.cli.names import suggesting
from saasobs.cli.reading import to_micros
from saasobs.cli.screen import Part, Screen, Toned, open_screen, print_json
from saasobs.core.objective import budget_percent, percent
from saasobs.core.values import format_duration

Json = Mapping[str, Any]


def slo(options: Namespace) -> int:
    """Exit code 1 when a budget is spent."""
    with Client.of(options, os.environ) as client:
        if options.name:
            with suggesting(client, options.name):
                names = [client.get("monitors", options.name)["name"]]
        else:
            names = [monitor["name"] for monitor in client.get("monitors")["monitors"]]
        found = [client.get("monitors", name, "availability", days=options.days) for name in names]
    if options.json:
        print_json({"days": options.days, "monitors": found})
    else:
        draw(open_screen(os.environ), found, options.days)
    return Exit.FAILED if any(_spent(each) for each in found) else Exit.OK


def draw(screen: Screen, found: list[Json], days: int) -> None:
    """A row for each monitor, then the budgets that burn too fast."""
    columns = ("monitor", f"up, {days} d", "checks", "p50", "p95", "p99", "objective", "budget left")
    screen.table(columns, [_row(each) for each in found])
    for each in found:
        for burn in (burn for burn in each["burn"] if burn["fires"]):
            window = format_duration(to_micros(burn["long_seconds"]))
            rate = f"{burn['long_rate']:.1f} times too fast over {window}"
            screen.line(Toned("burning  ", "bad"), f"{each['monitor']}: {rate}")


def _row(each: Json) -> list[Part]:
    latency = [_milliseconds(each["latency_seconds"][name]) for name in ("p50", "p95", "p99")]
    objective = each["slo"]
    shown = f"{100 * objective['target']:.6g}% over {objective['days']} d" if objective else "-"
    return [each["monitor"], _share(each["availability"]), str(sum(each["checks"].values())), *latency, shown,
            _budget(each)]  # fmt: skip


def _share(share: float | None) -> str:
    return "-" if share is None else f"{percent(share)}%"


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else format_duration(to_micros(value))


def _budget(each: Json) -> Part:
    left = each["budget_left"]
    if left is None:
        return "-"
    return Toned(f"{budget_percent(left)}%", "bad" if left <= 0 else "good")


def _spent(each: Json) -> bool:
    return each["budget_left"] is not None and each["budget_left"] <= 0
