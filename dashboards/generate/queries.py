"""What panels ask of Prometheus, and for whom."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
SERVICE: Final = ('service=~"$service"', 'environment=~"$environment"')
ROUTE: Final = (*SERVICE, 'http_route=~"$route"')
TENANT: Final = (*SERVICE, 'tenant=~"$tenant"')
WATCHED: Final = ('environment=~"$environment"',)
"""Series of the daemon and of exporters: what they tell of is no service of the scrape."""
MONITOR: Final = (*WATCHED, 'monitor=~"$monitor"')
CHANNEL: Final = (*WATCHED, 'channel=~"$channel"')
FAILED: Final = 'http_response_status_code=~"5.."'


def only(metric: str, matchers: tuple[str, ...], *more: str) -> str:
    """A selector of one metric."""
    inner = ",".join((*matchers, *more))
    return f"{metric}{{{inner}}}" if inner else metric


def rate(metric: str, matchers: tuple[str, ...], *more: str) -> str:
    """A counter a second, over what the panel's resolution allows."""
    return f"rate({only(metric, matchers, *more)}[$__rate_interval])"


def growth(metric: str, matchers: tuple[str, ...], *more: str, window: str = "$__rate_interval") -> str:
    """How much a counter grew."""
    return f"increase({only(metric, matchers, *more)}[{window}])"


def total(by: str, expression: str) -> str:
    """A sum by labels."""
    return f"sum by ({by}) ({expression})"


def ratio(part: str, whole: str) -> str:
    """0 where only the part is missing ("no data" is not "no errors"), and nothing without traffic (never 0/0)."""
    return f"({part} or 0 * {whole}) / ({whole} > 0)"


def quantile(share: float, metric: str, matchers: tuple[str, ...], by: str) -> str:
    """Of a histogram. :param metric: without `_bucket`."""
    labels = f"{by}, le" if by else "le"
    return f"histogram_quantile({share:g}, sum by ({labels}) ({rate(f'{metric}_bucket', matchers)}))"


def series(ref: str, expression: str, legend: str = "", *, exemplar: bool = False) -> prometheus.Dataquery:
    """Over time."""
    asked = _asked(ref, expression, legend).range()
    return asked.exemplar(exemplar=True) if exemplar else asked


def now(ref: str, expression: str, legend: str = "") -> prometheus.Dataquery:
    """As it stands at the end of what is shown."""
    return _asked(ref, expression, legend).instant()


def rows(ref: str, expression: str) -> prometheus.Dataquery:
    """As it stands, for a table: a column for each label."""
    return now(ref, expression).format(PromQueryFormat.TABLE)


def buckets(ref: str, expression: str) -> prometheus.Dataquery:
    """For a heat map."""
    return series(ref, expression, "{{le}}").format(PromQueryFormat.HEATMAP)


def _asked(ref: str, expression: str, legend: str) -> prometheus.Dataquery:
    asked = prometheus.Dataquery().ref_id(ref).expr(expression).datasource(SOURCE)
    return asked.legend_format(legend) if legend else asked
