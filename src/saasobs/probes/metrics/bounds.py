"""Limits of a figure: what may be written (a plain value or a group of bounds), and whether a value keeps to it. Pure.

Every limit is itself allowed: `over: 20` lets 20 pass and not 21.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema, model_validator
from pydantic_core import CoreSchema, core_schema

from saasobs.options import Options, PositiveDuration

_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(s|m|h)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}


def _share(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = _PERCENT.fullmatch(value.strip())
    if found is None:
        raise ValueError(f"{value!r} is not a share: write 1% or 0.01")
    return float(found[1]) / 100


def _rate(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = _RATE.fullmatch(value.strip())
    if found is None:
        raise ValueError(f"{value!r} is not a rate: write 5/s, 30/m or 100/h, or a number per second")
    return float(found[1]) / _SECONDS[found[2]]


def _figure(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic catches this one
    return value


Figure = Annotated[float, BeforeValidator(_figure), Field(allow_inf_nan=False)]
Share = Annotated[
    float,
    BeforeValidator(_share),
    BeforeValidator(_figure),
    Field(ge=0, le=1),
    WithJsonSchema({"type": ["number", "string"], "examples": ["1%", 0.01]}),
]
"""A part of the whole, written as ``1%`` or ``0.01``."""
Rate = Annotated[
    float,
    BeforeValidator(_rate),
    BeforeValidator(_figure),
    Field(allow_inf_nan=False),
    WithJsonSchema({"type": ["number", "string"], "examples": ["5/s", "30/m", 0.5]}),
]
"""Per second, written as ``5/s``, ``30/m``, ``100/h`` or a plain number."""


class _OverOnly:
    """Lets a plain value stand for ``{over: value}``."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            lambda value: value if isinstance(value, dict | source) else {"over": value}, handler(source)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        group = handler(schema)
        inner = handler.resolve_ref_schema(group)["properties"]["over"]
        plain = next(one for one in inner.get("anyOf", [inner]) if one.get("type") != "null")
        return {"anyOf": [{key: plain[key] for key in plain if key != "default"}, group]}


@dataclass(frozen=True, slots=True)
class Bound:
    """One limit. `floor`: less is wrong; otherwise more is."""

    key: str
    limit: float
    floor: bool
    degraded: bool

    def keeps(self, value: float) -> bool:
        """Whether a value keeps to it. NaN does not."""
        return value >= self.limit if self.floor else value <= self.limit

    def excess(self, value: float) -> float:
        """How far a value is past it, for finding the worst of several."""
        return self.limit - value if self.floor else value - self.limit


def bounds_of(group: Options) -> Iterator[Bound]:
    """The limits of a group in the order of their weight: what makes down comes before what makes degraded."""
    for key in ("over", "under", "degraded_over", "degraded_under"):
        limit = getattr(group, key, None)
        if limit is not None:
            yield Bound(key, limit, floor=key.endswith("under"), degraded=key.startswith("degraded"))


def _in_order(group: Options) -> None:
    """:raises ValueError: the limits of a group contradict each other, or there is none."""
    limits = {bound.key: bound.limit for bound in bounds_of(group)}
    if not limits:
        raise ValueError(f"needs a limit: one of {', '.join(_keys(group))}")
    if limits.get("degraded_over", -math.inf) >= limits.get("over", math.inf):
        raise ValueError("degraded_over must be less than over")
    if limits.get("degraded_under", math.inf) <= limits.get("under", -math.inf):
        raise ValueError("degraded_under must be more than under")
    ceiling = min(limits.get("over", math.inf), limits.get("degraded_over", math.inf))
    floor = max(limits.get("under", -math.inf), limits.get("degraded_under", -math.inf))
    if floor > ceiling:
        raise ValueError("nothing is both that small and that large: mind `over` and `under`")


def _keys(group: Options) -> list[str]:
    return [key for key in ("over", "degraded_over", "under", "degraded_under") if key in type(group).model_fields]


class _Ordered(Options):
    @model_validator(mode="after")
    def _check(self) -> Self:
        _in_order(self)
        return self


class TimeLimits(_Ordered):
    """At most how long."""

    over: PositiveDuration | None = None
    """More than this is down."""
    degraded_over: PositiveDuration | None = None
    """More than this is degraded."""


class ShareLimits(_Ordered):
    """At most which part of the whole."""

    over: Share | None = None
    """More than this is down."""
    degraded_over: Share | None = None
    """More than this is degraded."""


class RateBounds(_Ordered):
    """How many a second at least and at most."""

    over: Rate | None = None
    """More than this is down."""
    degraded_over: Rate | None = None
    """More than this is degraded."""
    under: Rate | None = None
    """Less than this is down."""
    degraded_under: Rate | None = None
    """Less than this is degraded."""


class Bounds(_Ordered):
    """How much at least and at most."""

    over: Figure | None = None
    """More than this is down."""
    degraded_over: Figure | None = None
    """More than this is degraded."""
    under: Figure | None = None
    """Less than this is down."""
    degraded_under: Figure | None = None
    """Less than this is degraded."""


class CountLimits(_Ordered):
    """At most how many in one request."""

    over: Figure | None = None
    """More than this is down."""
    degraded_over: Figure | None = None
    """More than this is degraded."""
    quantile: Annotated[float, Field(gt=0, le=1)] = 0.95
    """Of which share of the requests this must be true: 0.95 lets one request in twenty be worse, 1 none."""


TimeLimit = Annotated[TimeLimits, _OverOnly()]
"""A duration, which is down when passed, or a group of limits."""
ShareLimit = Annotated[ShareLimits, _OverOnly()]
CountLimit = Annotated[CountLimits, _OverOnly()]
