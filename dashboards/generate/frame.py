"""A dashboard around its rows: variables, annotations, links, and every panel's place on the grid."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, GridPos

from dashboards.generate.links import TAG, board_links
from dashboards.generate.marks import drawn
from dashboards.generate.panels import Panel
from dashboards.generate.variables import Name, variables
from saasobs.rules.model import Board

WIDTH: Final = 24
"""Columns of Grafana's grid."""
_NOISE: Final = {"auto", "auto_count", "auto_min", "repeatDirection", "placement"}
"""What the builders say everywhere and means nothing here; `placement` would move links into a menu."""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a title, side by side until the grid is full."""

    title: str
    height: int
    panels: Sequence[tuple[int, Panel]]
    """Each with its width in columns."""


@dataclass(frozen=True, slots=True)
class Page:
    """One dashboard."""

    board: Board
    title: str
    question: str
    """What it answers: its description."""
    names: Sequence[Name]
    """Its variables, beside the data source."""
    rows: Sequence[Row]
    since: str = "now-6h"

    @property
    def file(self) -> str:
        """Under dashboards/."""
        return f"{self.board.removeprefix('saasobs-')}.json"

    def written(self) -> str:
        """As committed."""
        made = json.loads(JSONEncoder(sort_keys=True).encode(self._built()))
        return json.dumps(_plain(made), sort_keys=True, indent=2, ensure_ascii=False) + "\n"

    def _built(self) -> Any:
        made = (
            dashboard.Dashboard(self.title)
            .uid(self.board)
            .description(self.question)
            .tags([TAG])
            .readonly()
            .time(self.since, "now")
            .timezone("browser")
            .refresh("1m")
            .tooltip(DashboardCursorSync.CROSSHAIR)
            .variables(variables(self.names))
            .annotations(drawn(self.names))
            .links(board_links(correlated=Name.CORRELATION_ID in self.names))
        )
        for piece in self._placed():
            if isinstance(piece, dashboard.Row):
                made.with_row(piece)
            else:
                made.with_panel(piece)
        return made.build()

    def _placed(self) -> Iterator[dashboard.Row | Panel]:
        top, number = 0, 1
        for row in self.rows:
            yield dashboard.Row(row.title).id(number).grid_pos(GridPos(h=1, w=WIDTH, x=0, y=top))
            top, left, number = top + 1, 0, number + 1
            for width, panel in row.panels:
                if left + width > WIDTH:
                    top, left = top + row.height, 0
                yield panel.id(number).grid_pos(GridPos(h=row.height, w=width, x=left, y=top))
                left, number = left + width, number + 1
            top += row.height


def _plain(value: Any) -> Any:
    """Without noise; a legend's placement stays."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        legend = "displayMode" in value
        return {key: _plain(one) for key, one in value.items() if key not in _NOISE or legend}
    return value
