"""Every expression, variable and mark of every dashboard, asked of a real Prometheus that has everything behind it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import yaml

from dashboards.preview.asking import Json, Prometheus, answers, marks, options, range_of, variables
from dashboards.scene.whole import History, Scene, running
from saasobs._version import __version__
from support.boards import FILES, ROOT, board
from support.daemon import wait_until
from support.exported import SERIES
from support.promql import DOCUMENTED, selectors

RULES = [
    (rule.get("alert") or rule["record"], rule["expr"])
    for file in ("recording.yml", "alerts.yml")
    for group in yaml.safe_load((ROOT / "alerts" / file).read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
ELSEWHERE = {
    'saasobs_notifications_total{outcome!="sent"}',  # once something has gone wrong
    'redis_instance_info{maxmemory_policy=~"allkeys-.*"}',  # of a cache; the scene's Redis has a queue
}
"""Series that the scene need not have."""
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("scene"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A shop and a billing service under load, PostgreSQL, Redis, Celery, the daemon, and 35 days before."""
    with running(tmp_path_factory.mktemp("scene"), history=History(hours=0.5), warm_up=6) as found:
        yield found


@pytest.fixture(scope="module")
def prometheus(scene: Scene) -> Iterator[Prometheus]:
    """Its Prometheus."""
    asked = Prometheus(scene.prometheus)

    def up() -> int:
        return len(asked.ask("query", query="up == 1")["result"])

    with asked.client:
        wait_until(
            lambda: up() == len(scene.targets), 90, lambda: f"{up()} of {len(scene.targets)} targets are scraped"
        )
        yield asked


class _Silence:
    """What gives no series as yet, or is refused; only that is asked again."""

    def __init__(self, name: str, prometheus: Prometheus) -> None:
        self._page = board(name)
        self._prometheus = prometheus
        self._left = [panel for panel in self._page["panels"] if panel["type"] != "row"]
        self.told: list[str] = []

    def over(self) -> bool:
        """Ask once more."""
        window = range_of(self._page, time.time())
        chosen = variables(self._page, self._prometheus, window, {})
        silent = {
            panel["id"]: f"{panel['title']} {one['refId']}: {one.get('error', 'no series')}"
            for panel in self._left
            for one in answers(panel, self._prometheus, window, chosen.values)
            if not any(_points(series) for series in one["series"])
        }
        self._left = [panel for panel in self._left if panel["id"] in silent]
        self.told = list(silent.values())
        time.sleep(1 if silent else 0)
        return not silent


def _points(series: Json) -> list[object]:
    found = series.get("values") or [series["value"]]
    return [value for _, value in found if value != "NaN"]


@pytest.mark.parametrize("name", FILES)
def test_every_panel_shows_something(scene: Scene, prometheus: Prometheus, name: str) -> None:
    """Each of its expressions gives at least one series with a number in it."""
    silence = _Silence(name, prometheus)
    wait_until(silence.over, seconds=150, what=lambda: "\n".join(silence.told))


@pytest.mark.parametrize("name", FILES)
def test_every_variable_has_values(scene: Scene, prometheus: Prometheus, name: str) -> None:
    """Each of them, once everything has been scraped."""
    page = board(name)

    def empty() -> list[str]:
        window = range_of(page, time.time())
        chosen = variables(page, prometheus, window, {})
        asked = [one for one in page["templating"]["list"] if one["type"] == "query"]
        return [one["name"] for one in asked if not options(one, prometheus, window, chosen.values)]

    wait_until(lambda: not empty(), 60, lambda: str(empty()))


def test_one_value_at_a_time(scene: Scene, prometheus: Prometheus) -> None:
    """A single service, route and tenant, as a click chooses them: a name with braces in it too."""
    page = board("route")
    panel = next(panel for panel in page["panels"] if panel["title"] == "Duration")

    def shown() -> bool:
        window = range_of(page, time.time())
        chosen = variables(page, prometheus, window, {"service": "shop", "route": "/reports/{month}"})
        return all(one["series"] for one in answers(panel, prometheus, window, chosen.values))

    wait_until(shown, 60)


def test_exemplars_lead_to_traces(scene: Scene, prometheus: Prometheus) -> None:
    """Slow requests carry the ID of their trace."""
    page = board("service")

    def traces() -> set[str]:
        window = range_of(page, time.time())
        chosen = variables(page, prometheus, window, {})
        panel = next(panel for panel in page["panels"] if panel["title"] == "Duration")
        asked = answers(panel, prometheus, window, chosen.values)
        return {one["trace"] for answer in asked for one in answer["exemplars"]}

    wait_until(lambda: any(len(trace) == 32 for trace in traces()), seconds=60)


def test_marks(scene: Scene, prometheus: Prometheus) -> None:
    """A deploy, an outage and a firing alert are drawn, each under its name."""
    page = board("overview")

    def drawn() -> set[str]:
        window = range_of(page, time.time())
        chosen = variables(page, prometheus, window, {})
        return {mark["name"] for mark in marks(page, prometheus, window, chosen.values)}

    wait_until(lambda: drawn() == {"Deploys", "Incidents", "Firing alerts"}, seconds=120)


def test_what_is_scraped_is_documented(scene: Scene, prometheus: Prometheus) -> None:
    """Every metric that the services and the daemon really send stands in the docs, under its type."""
    ours = ("saasobs_", "http_", "db_", "task", "cache_", "probe_")

    def names() -> set[str]:
        found = [name for name in prometheus.ask("label/__name__/values") if name.startswith(ours)]
        return {name for name in found if not name.endswith("_created")}

    wait_until(lambda: len(names()) > 60, 60, lambda: str(names()))
    assert names() <= SERIES.keys()


def test_queries_of_the_docs_run(scene: Scene, prometheus: Prometheus) -> None:
    """Those of the runbooks, which somebody pastes at night."""
    assert len(DOCUMENTED) > 60
    for _, query in DOCUMENTED:
        prometheus.ask("query", query=query)


def test_the_daemon_says_which_version_it_is(scene: Scene, prometheus: Prometheus) -> None:
    """As an app does: a deploy of the daemon is a deploy."""
    asked = prometheus.ask("query", query='saasobs_build_info{service="saasobs"}')
    assert {one["metric"]["version"] for one in asked["result"]} == {__version__}


def test_a_redis_that_is_no_cache_is_told_from_one(scene: Scene, prometheus: Prometheus) -> None:
    """The exporter says what Redis does when its memory is full, under the job and instance of its memory."""
    query = 'redis_memory_used_bytes and on (job, instance) redis_instance_info{maxmemory_policy="noeviction"}'
    assert len(prometheus.ask("query", query=query)["result"]) == 1


def test_rules_find_what_they_ask_for(scene: Scene, prometheus: Prometheus) -> None:
    """Prometheus evaluates every rule without a fault, and each selector of theirs has series: none waits in vain."""

    def faults() -> list[str]:
        rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
        assert len(rules) == len(RULES)
        return [f"{rule['name']}: {rule.get('lastError', rule['health'])}" for rule in rules if rule["health"] != "ok"]

    def missing() -> set[str]:
        asked = {one.text for _, expr in RULES for one in selectors(expr)}
        return {text for text in asked if not prometheus.ask("query", query=f"count({text})")["result"]}

    wait_until(lambda: not faults(), 60, lambda: str(faults()))
    wait_until(lambda: missing() <= ELSEWHERE, 90, lambda: str(missing() - ELSEWHERE))
