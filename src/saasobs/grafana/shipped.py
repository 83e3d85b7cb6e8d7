"""The dashboards of this installation, with a team's own Sentry, Loki and data source in them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from saasobs.core.errors import SaasobsError

Dashboard = dict[str, Any]
NAMES: Final = ("overview", "service", "route", "slo", "tenants", "data", "uptime")
_PLACES: Final = (Path(__file__).parents[1] / "dashboards", Path(__file__).parents[3] / "dashboards")
"""In a wheel, and in a source tree."""


@dataclass(frozen=True, slots=True)
class Own:
    """What a team has of its own; empty: as shipped."""

    datasource: str = ""
    """The `uid` of the Prometheus that is chosen at first."""
    loki: str = ""
    """The `uid` of the Loki that links to logs lead to."""
    sentry: str = ""
    """The URL that links to errors begin with, such as https://acme.sentry.io."""


def dashboards(names: Iterable[str] = (), own: Own | None = None, places: Iterable[Path] = _PLACES) -> list[Dashboard]:
    """Those of these names, or all. :raises SaasobsError: there is none of that name, or none at all."""
    wanted = tuple(names) or NAMES
    for name in wanted:
        if name not in NAMES:
            raise SaasobsError(f"there is no dashboard {name!r}; there are {', '.join(NAMES)}")
    folder = next((place for place in places if (place / f"{NAMES[0]}.json").is_file()), None)
    if folder is None:
        raise SaasobsError("this installation of saasobs has no dashboards in it: install it again")
    return [adapted(_read(folder / f"{name}.json"), own or Own()) for name in wanted]


def adapted(dashboard: Dashboard, own: Own) -> Dashboard:
    """With what the team has of its own in the place of what is shipped."""
    given: Mapping[str, str] = {"datasource": own.datasource, "loki": own.loki, "sentry": own.sentry.rstrip("/")}
    for variable in dashboard["templating"]["list"]:
        if value := given.get(variable["name"]):
            variable["current"] = {"selected": True, "text": value, "value": value}
            if variable["type"] == "textbox":
                variable["query"] = value
    return dashboard


def written(dashboard: Dashboard) -> str:
    """As a file."""
    return json.dumps(dashboard, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def _read(file: Path) -> Dashboard:
    try:
        found: Dashboard = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SaasobsError(f"{file}: cannot be read ({error}): install saasobs again") from error
    return found
