"""The kinds of panels, with the looks that all of them share. Each needs a title, a description and a unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from grafana_foundation_sdk.builders import bargauge, common, dashboard, heatmap, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode

from dashboards.generate.queries import SOURCE

GOOD, NOTICE, BAD = "green", "yellow", "red"
Lines = timeseries.Panel
Stat = stat.Panel
Bars = bargauge.Panel
Table = table.Panel
HeatMap = heatmap.Panel
Timeline = statetimeline.Panel
Panel = Lines | Stat | Bars | Table | HeatMap | Timeline
_Any = TypeVar("_Any", Lines, Stat, Bars, Table, HeatMap, Timeline)
_Figure = TypeVar("_Figure", Stat, Bars)
_STATES: Final = {"-1": ("new", "text"), "0": ("up", GOOD), "1": ("degraded", NOTICE), "2": ("down", BAD)}


def limits(*steps: tuple[float, str], first: str = GOOD) -> dashboard.ThresholdsConfig:
    """From each value on its colour; `first` below them all."""
    colours = [Threshold(value=None, color=first), *(Threshold(value=value, color=colour) for value, colour in steps)]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(colours)


def lines(title: str, description: str, unit: str, limit: float | None = None) -> Lines:
    """A chart over time. :param limit: the alert's, drawn as a dashed line."""
    legend = common.VizLegendOptions().show_legend(True).display_mode(looks.LegendDisplayMode.LIST)  # noqa: FBT003
    tooltip = common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI).sort(looks.SortOrder.DESCENDING)
    panel = (
        _named(timeseries.Panel(), title, description, unit)
        .legend(legend.placement(looks.LegendPlacement.BOTTOM).calcs([]))
        .tooltip(tooltip)
        .fill_opacity(8)
        .line_width(1)
        .show_points(looks.VisibilityMode.NEVER)
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC))
        .min(0)
        .thresholds(limits())
    )
    if limit is not None:
        return limited(panel, (limit, BAD))
    return panel.axis_soft_max(1) if unit == "none" else panel  # no axis to 100 where nothing is there to be counted


def limited(panel: Lines, *steps: tuple[float, str]) -> Lines:
    """With lines at the alerts' limits, and room for them."""
    style = common.GraphThresholdsStyleConfig().mode(looks.GraphThresholdsStyleMode.DASHED)
    room = 1.2 * max(value for value, _ in steps)
    return panel.thresholds(limits(*steps)).thresholds_style(style).axis_soft_max(room)


def stacked(panel: Lines) -> Lines:
    """Parts of a whole."""
    return panel.stacking(common.StackingConfig().mode(looks.StackingMode.NORMAL).group("A")).fill_opacity(40)


def figure(title: str, description: str, unit: str, steps: Sequence[tuple[float, str]] = (), first: str = GOOD) -> Stat:
    """One number, or one for each series."""
    return (
        _last(_named(stat.Panel(), title, description, unit))
        .thresholds(limits(*steps, first=first))
        .color_mode(looks.BigValueColorMode.VALUE)
        .graph_mode(looks.BigValueGraphMode.NONE)
    )


def yes_or_no(title: str, description: str) -> Stat:
    """Of a gauge that is 1 while all is well."""
    known = {
        "1": ValueMappingResult(text="ok", color=GOOD, index=0),
        "0": ValueMappingResult(text="no", color=BAD, index=1),
    }
    return figure(title, description, "none", [(1, GOOD)], first=BAD).mappings([ValueMap(options=known)])


def bars(title: str, description: str, unit: str, steps: Sequence[tuple[float, str]] = (), first: str = GOOD) -> Bars:
    """A bar for each series, against a limit."""
    return (
        _last(_named(bargauge.Panel(), title, description, unit))
        .thresholds(limits(*steps, first=first))
        .orientation(looks.VizOrientation.HORIZONTAL)
        .display_mode(looks.BarGaugeDisplayMode.BASIC)
        .sizing(looks.BarGaugeSizing.MANUAL)
        .min_viz_height(16)
        .max_viz_height(48)
        .text(common.VizTextDisplayOptions().title_size(13).value_size(16))
        .value_mode(looks.BarGaugeValueMode.TEXT)
        .min(0)
    )


def heat(title: str, description: str, unit: str) -> HeatMap:
    """How many fell into each bucket, over time. :param unit: of the buckets' edges."""
    axis = heatmap.YAxisConfig().unit(unit).axis_placement(looks.AxisPlacement.LEFT)
    colour = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(64)
    return (
        _named(heatmap.Panel(), title, description, unit)
        .calculate(False)  # noqa: FBT003
        .y_axis(axis)
        .color(colour)
        .cell_gap(1)
        .thresholds(limits())
    )


def states(title: str, description: str) -> Timeline:
    """A lane for each monitor."""
    known = {
        value: ValueMappingResult(text=text, color=colour, index=i)
        for i, (value, (text, colour)) in enumerate(_STATES.items())
    }
    return (
        _named(statetimeline.Panel(), title, description, "none")
        .mappings([ValueMap(options=known)])
        .thresholds(limits((1, NOTICE), (2, BAD)))
        .merge_values(True)  # noqa: FBT003
        .show_value(looks.VisibilityMode.AUTO)
        .legend(common.VizLegendOptions().show_legend(False).display_mode(looks.LegendDisplayMode.LIST))  # noqa: FBT003
    )


def grid(title: str, description: str) -> Table:
    """A table of instant answers; `columns` says which."""
    return (
        _named(table.Panel(), title, description, "none")
        .thresholds(limits())
        .show_header(True)  # noqa: FBT003
        .cell_height(looks.TableCellHeight.SM)
        .min_width(80)
    )


def columns(panel: Table, names: Mapping[str, str], *, sort: str) -> Table:
    """These fields in this order, under these names, one row for the same labels; the rest is left out."""
    order = {field: i for i, field in enumerate(names)}
    keep = "^(" + "|".join(names) + ")$"
    panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    panel.with_transformation(
        DataTransformerConfig(id_val="filterFieldsByName", options={"include": {"pattern": keep}})
    )
    panel.with_transformation(
        DataTransformerConfig(id_val="organize", options={"indexByName": order, "renameByName": dict(names)})
    )
    return panel.sort_by([common.TableSortByFieldState().display_name(sort).desc(True)])  # noqa: FBT003


def column(panel: Table, name: str, unit: str, steps: Sequence[tuple[float, str]] = ()) -> Table:
    """How one column is written, and from which value it is coloured."""
    looks_like = [DynamicConfigValue(id_val="unit", value=unit)]
    if steps:
        coloured = [{"value": None, "color": "text"}, *({"value": value, "color": colour} for value, colour in steps)]
        looks_like.append(DynamicConfigValue(id_val="thresholds", value={"mode": "absolute", "steps": coloured}))
        looks_like.append(DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"}))
    return panel.override_by_name(name, looks_like)


def _named(panel: _Any, title: str, description: str, unit: str) -> _Any:
    return panel.title(title).description(description).unit(unit).datasource(SOURCE)


def _last(panel: _Figure) -> _Figure:
    """The last value of each series, in the colour of its threshold."""
    coloured = panel.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS))
    return coloured.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))  # noqa: FBT003
