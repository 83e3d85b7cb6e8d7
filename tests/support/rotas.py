"""A schedule as a running daemon shows it, for tests of the API and of the command line."""

from __future__ import annotations

from saasobs.core.oncall import Override, ScheduleView, Shift
from saasobs.core.values import DAY
from support.operator import NOW

HOLIDAY = Override("w4k2mx", "primary", "carla", NOW + DAY, NOW + 2 * DAY, "ana", "feriado; São José, día 2")
VIEW = ScheduleView(
    name="primary",
    timezone="America/Lima",
    now=("ana",),
    shifts=(
        Shift(("ana",), NOW, NOW + DAY),
        Shift(("carla",), NOW + DAY, NOW + 2 * DAY, "w4k2mx"),
        Shift((), NOW + 2 * DAY, NOW + 3 * DAY),
    ),
    overrides=(HOLIDAY,),
    calendar_url="http://127.0.0.1:9110/oncall/0123abcd.ics",
)
