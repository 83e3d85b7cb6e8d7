"""Tenant labels: a bounded number, and the same tenants in every worker.

Whoever comes first gets a label of its own, until `tenant_limit` have one; tenants named in the configuration always
do; the others share names.OTHER. Which came first must be one answer for all workers, or a tenant would be told
partly under its name and partly under the rest: the answer is written down once (`Claims`), in the folder that the
workers share. A worker asks at the first request of each tenant, at most `tenant_limit` times; once all are given
away it does not ask any more.

Hashing without talking (the tenants with the smallest hashes) needs no folder, but the set changes whenever a new
tenant comes, and counters that change their label go backwards. Several hosts have several folders: name the tenants
that matter in `tenants`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Final, Protocol

from saasobs.core.thresholds import SLOW_SECONDS
from saasobs.instrument import names
from saasobs.instrument.metrics.cells import Store
from saasobs.instrument.metrics.families import MOST, VALUE_LIMIT, CounterSeries, Definition, Family, clean_value

_CLASSES: Final = ("1xx", "2xx", "3xx", "4xx", "5xx")

REQUESTS: Final = Definition(
    names.TENANT_REQUESTS, "counter", "Requests of a tenant.", (names.TENANT, names.STATUS_CLASS)
)
SECONDS: Final = Definition(names.TENANT_SECONDS, "counter", "Seconds that a tenant's requests took.", (names.TENANT,))
SLOW_REQUESTS: Final = Definition(
    names.TENANT_SLOW_REQUESTS, "counter", "Requests of a tenant that took more than 2 s.", (names.TENANT,)
)
OVERFLOW: Final = Definition(
    names.TENANT_OVERFLOW, "counter", "Requests of tenants beyond the limit, told together as __other__.", ()
)


class Claims(Protocol):
    """Who has a label of its own: one answer for every worker."""

    def claim(self, label: str) -> bool | None:
        """Whether this label is one of them, taking a free place if there is one; None: not to be known now."""

    def full(self) -> bool:
        """Whether all places have been given away, as far as this process knows."""


class LocalClaims:
    """The answer of a process on its own."""

    def __init__(self, limit: int, taken: Iterable[str] = ()) -> None:
        self.limit = limit
        self.taken = set(taken)

    def claim(self, label: str) -> bool | None:
        if label not in self.taken:
            if len(self.taken) >= self.limit:
                return False
            self.taken.add(label)
        return True

    def full(self) -> bool:
        return len(self.taken) >= self.limit


def hashed(tenant: str) -> str:
    """The label of a tenant whose name is not to stand in metrics: ``printf %s NAME | sha256sum | cut -c 1-12``."""
    return sha256(tenant.encode("utf-8", "replace")).hexdigest()[:12]


class _Tenant:
    __slots__ = ("by_class", "seconds", "slow")

    def __init__(self, by_class: tuple[CounterSeries, ...], seconds: CounterSeries, slow: CounterSeries) -> None:
        self.by_class = by_class
        self.seconds = seconds
        self.slow = slow


class TenantMetrics:
    """The counters of tenants."""

    def __init__(self, store: Store, named: Iterable[str], claims: Claims, label: Callable[[str], str]) -> None:
        """:param label: what stands for a tenant in the metrics. :param named: tenants that need no claim."""
        self.claims = claims
        self._label = label
        self._lock = store.lock
        self._named = {label(clean_value(tenant)) for tenant in named}
        unlimited = 1_000_000  # the claims are the limit
        self._requests: Family[CounterSeries] = Family(REQUESTS, store, limit=unlimited)
        self._seconds: Family[CounterSeries] = Family(SECONDS, store, limit=unlimited)
        self._slow: Family[CounterSeries] = Family(SLOW_REQUESTS, store, limit=unlimited)
        self._overflow: Family[CounterSeries] = Family(OVERFLOW, store)
        self.families = (self._requests, self._seconds, self._slow, self._overflow)
        self._tenants: dict[str, _Tenant] = {}
        self._other: _Tenant | None = None

    def finished(self, tenant: str, status: int, seconds: float) -> None:
        """Count one request of a tenant."""
        at = self._tenants.get(tenant) or self._of(tenant)
        if not 0.0 <= seconds <= MOST:
            seconds = MOST if seconds > 0.0 else 0.0
        with self._lock:
            series = at.by_class[status // 100 - 1 if 100 <= status <= 599 else 4]
            series.cells[series.base] += 1.0
            series = at.seconds
            series.cells[series.base] += seconds
            if seconds > SLOW_SECONDS:
                series = at.slow
                series.cells[series.base] += 1.0
        if at is self._other:
            self._overflow.labels().inc()

    def _of(self, tenant: str) -> _Tenant:
        if len(tenant) > VALUE_LIMIT:
            tenant = tenant[:VALUE_LIMIT]
        with self._lock:
            known = self._tenants.get(tenant)
            if known is not None:
                return known
            label = self._label(clean_value(tenant))
            if label == names.OTHER or not (label in self._named or self.claims.claim(label)):
                return self._rest()
            made = self._tenants[tenant] = self._series(label)
            return made

    def _rest(self) -> _Tenant:
        if self._other is None:
            self._other = self._series(names.OTHER)
        return self._other

    def _series(self, label: str) -> _Tenant:
        by_class = tuple([self._requests.labels(label, each) for each in _CLASSES])
        return _Tenant(by_class, self._seconds.labels(label), self._slow.labels(label))
