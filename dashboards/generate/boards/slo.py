"""SLO: how much of the error budget is left, and how fast does it go? (SRE Workbook, chapter 5.)"""

from __future__ import annotations

from typing import Final

from dashboards.generate import links
from dashboards.generate.frame import Page, Row
from dashboards.generate.panels import BAD, GOOD, NOTICE, bars, figure, limited, lines
from dashboards.generate.queries import MONITOR, SERVICE, now, only, series
from dashboards.generate.variables import Name
from saasobs.alerting.slo import PAIRS
from saasobs.rules import thresholds
from saasobs.rules.model import Board, RuleSet

_DAYS: Final = 30
_BY: Final = "by (service, environment)"
_LEGEND: Final = "{{service}} {{environment}}"
_ALLOWED: Final = "(1 - $slo / 100)"
_SLOW_ALLOWED: Final = f"{round(1 - thresholds.LATENCY_OBJECTIVE / 100, 9):g}"
_FAST, _MEDIUM, _LONG = (pair.rate(_DAYS) for pair in PAIRS)
_SPENT: Final = "avg_over_time({}[$__range]) * $__range_s"


def _burn(what: str, window: str, allowed: str) -> str:
    return f"max {_BY} ({only(f'service:{what}:ratio_rate{window}', SERVICE)}) / {allowed}"


_BUDGET: Final = Row(
    "The budget of 30 days",
    6,
    (
        (6, figure("Left", "Of the error budget that the objective above allows; below nothing, more has failed than "
                   "was promised: no risks now.", "percentunit", [(0, NOTICE), (0.25, GOOD)], first=BAD)
            .decimals(1)
            .with_target(now("A", f"1 - {_burn('http_errors', '30d', _ALLOWED)}", "{{service}}"))),
        (6, figure("Available", "The share of requests that did not fail.", "percentunit",
                   [(RuleSet().slo / 100, GOOD)], first=BAD)
            .decimals(3)
            .with_target(now("A", f"1 - max {_BY} ({only('service:http_errors:ratio_rate30d', SERVICE)})",
                             "{{service}}"))),
        (6, figure("Failed requests", "The bad events of 30 days: what the budget was spent on.", "short")
            .decimals(0)
            .with_target(now("A", f"sum {_BY} ({only('service:http_errors:increase30d', SERVICE)})", "{{service}}"))),
        (6, figure("Answered within 2 s", f"The share of 30 days; the objective is {thresholds.LATENCY_OBJECTIVE:g} %.",
                   "percentunit", [(thresholds.LATENCY_OBJECTIVE / 100, GOOD)], first=BAD)
            .decimals(3)
            .with_target(now("A", f"1 - max {_BY} ({only('service:http_slow:ratio_rate30d', SERVICE)})",
                             "{{service}}"))),
    ),
)  # fmt: skip

_BURN: Final = Row(
    "How fast it goes",
    9,
    (
        (8, lines("Burn over 1 hour", "1 spends the whole budget in 30 days. Over the line (and over 5 minutes too) "
                  "SaasobsErrorBudgetBurnFast calls people.", "short", _FAST)
            .with_target(series("A", _burn("http_errors", "1h", _ALLOWED), f"1 h, {_LEGEND}"))
            .with_target(series("B", _burn("http_errors", "5m", _ALLOWED), f"5 min, {_LEGEND}"))),
        (8, lines("Burn over 6 hours", "Over the line (and over 30 minutes too): SaasobsErrorBudgetBurnMedium.", "short",
                  _MEDIUM)
            .with_target(series("A", _burn("http_errors", "6h", _ALLOWED), f"6 h, {_LEGEND}"))
            .with_target(series("B", _burn("http_errors", "30m", _ALLOWED), f"30 min, {_LEGEND}"))),
        (8, lines("Burn over 3 days", "Over the line (and over 6 hours too): SaasobsErrorBudgetBurnSlow, for the "
                  "morning.", "short", _LONG)
            .with_target(series("A", _burn("http_errors", "3d", _ALLOWED), f"3 d, {_LEGEND}"))
            .with_target(series("B", _burn("http_errors", "6h", _ALLOWED), f"6 h, {_LEGEND}"))),
    ),
)  # fmt: skip

_WHERE: Final = Row(
    "What spends it",
    9,
    (
        (8, lines("Budget left", "The last 30 days, seen from each moment. A step down is an outage, a slope a fault "
                  "that nobody minds.", "percentunit")
            .min(-1).max(1)
            .with_target(series("A", f"1 - {_burn('http_errors', '30d', _ALLOWED)}", _LEGEND))),
        (8, bars("Routes that failed most", "Failed requests within the time shown, the ten most.", "short")
            .decimals(0)
            .data_links([links.to_route(), links.to_errors(), links.to_logs_of_route()])
            .with_target(now("A", f"topk(10, sum by (service, http_route) ("
                                  f"{_SPENT.format(only('route:http_errors:rate5m', SERVICE))}) > 0)",
                             "{{service}} {{http_route}}"))),
        (8, lines("Failed requests in an hour", "Burn alerts say nothing below the line: of little traffic, one failed "
                  "request is a high share.", "short", thresholds.MIN_BAD)
            .with_target(series("A", f"sum {_BY} ({only('service:http_errors:increase1h', SERVICE)})", _LEGEND))),
    ),
)  # fmt: skip

_SLOWNESS: Final = Row(
    "Slowness, and the view from outside",
    8,
    (
        (12, lines("Burn of the latency budget", f"Requests over 2 s against the {thresholds.LATENCY_OBJECTIVE:g} % that "
                   "are to be faster. The line is SaasobsLatencyBudgetBurnFast.", "short", _FAST)
            .with_target(series("A", _burn("http_slow", "1h", _SLOW_ALLOWED), f"1 h, {_LEGEND}"))
            .with_target(series("B", _burn("http_slow", "6h", _SLOW_ALLOWED), f"6 h, {_LEGEND}"))),
        (12, limited(lines("Burn of monitors", "Of monitors with an objective of their own, by the daemon's checks: it "
                           "opens an incident over the same lines.", "short"),
                     (_LONG, NOTICE), (_MEDIUM, "orange"), (_FAST, BAD))
            .with_target(series("A", f"max by (monitor, window) ({only('saasobs_slo_burn_rate', MONITOR)})",
                                "{{monitor}} {{window}}"))),
    ),
)  # fmt: skip

SLO: Final = Page(
    Board.SLO,
    "saasobs / SLO",
    "How much of the error budget is left, how fast does it go, and what spends it?",
    (Name.SERVICE, Name.ENVIRONMENT, Name.MONITOR, Name.SLO),
    (_BUDGET, _BURN, _WHERE, _SLOWNESS),
    since="now-7d",
)
