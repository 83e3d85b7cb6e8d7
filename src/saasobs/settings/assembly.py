"""A document to settings: every part is read, then held against the others; all faults are told at once.

1. The file's own keys (`model.Root`).
2. Each channel by its kind's options, each policy step by step.
3. Each monitor: the common keys by `model.Common`, the others by its kind's options. A threshold comes from the
   monitor, else from its kind, else from the file's `defaults`.
4. Names that must exist, or must differ (`references`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from saasobs.alerting.channels import CHANNELS
from saasobs.alerting.network import Anchors, default_quorum
from saasobs.alerting.steps import Policy
from saasobs.alerting.windows import Recurring, Span, Window
from saasobs.core.monitor import Flapping, Monitor, Objective, Thresholds
from saasobs.core.values import format_duration
from saasobs.options import ChannelOptions, KindOptions
from saasobs.probes import KINDS
from saasobs.settings import implied, references
from saasobs.settings.facts import ChannelSettings, Limits, OwnHeartbeat, Settings
from saasobs.settings.faults import Faults
from saasobs.settings.model import Common, Defaults, Root, anchor_address
from saasobs.settings.names import valid_name
from saasobs.settings.policies import PolicyOptions, StepOptions
from saasobs.settings.quiet import FlappingOptions, MaintenanceOptions, moment
from saasobs.settings.sentences import suggest
from saasobs.settings.source import Document, KeyPath
from saasobs.storage import Retention

COMMON_KEYS = frozenset(Common.model_fields)


def assemble(document: Document, source: Path) -> Settings:
    """:raises ConfigurationError: with everything that is wrong."""
    faults = Faults(document)
    data = document.data
    root = faults.read(Root, (), {key: value for key, value in data.items() if key != "defaults"})
    defaults = faults.read(Defaults, ("defaults",), data.get("defaults", {}))
    if defaults is not None:
        _check_pace(faults, ("defaults",), defaults, defaults.interval, ("defaults", "interval"))
    channels = dict(_channels(faults))
    policies = dict(_policies(faults))
    monitors = dict(_monitors(faults, defaults))
    references.check(faults)
    faults.raise_any()
    if root is None:  # pragma: no cover - then there was a fault
        raise AssertionError(source)
    return _settings(document, source, (root, defaults or Defaults()), channels, policies, monitors)


def _anchors(root: Root) -> Anchors | None:
    if root.network is None:
        return None
    asked = root.network
    addresses = tuple(found for anchor in asked.anchors if (found := anchor_address(anchor)))
    names = tuple(anchor for anchor in asked.anchors if not anchor_address(anchor))
    quorum = asked.quorum or default_quorum(len(asked.anchors))
    return Anchors(addresses, names, quorum, asked.interval, asked.policy or "")


def _window(options: MaintenanceOptions) -> Window:
    when: Span | Recurring
    if options.cron is not None:
        when = Recurring(options.cron, options.timezone, options.duration or 0)
    else:
        start = moment(options.start or "", options.timezone)
        when = Span(start, moment(options.end, options.timezone) if options.end else start + (options.duration or 0))
    return Window(
        id=options.name,
        name=options.name,
        when=when,
        monitors=frozenset(options.monitors or ()),
        tags=frozenset(options.tags or ()),
        all=options.all,
        reason=options.reason,
    )


def _flapping(said: FlappingOptions | Literal[False]) -> Flapping | None:
    return Flapping(**dict(said)) if said else None


def find_state_dir(document: Document) -> Path:
    """The daemon's folder, whatever else is wrong with the file. :raises ConfigurationError: if that cannot be read."""
    keys = ("store", "state_dir")
    concerned = [fault for fault in document.faults if fault.path in ("", *keys)]
    faults = Faults(replace(document, faults=concerned))
    said = {key: document.data[key] for key in keys if key in document.data}
    root = faults.read(Root, (), {**said, "monitors": []})
    faults.raise_any()
    if root is None:  # pragma: no cover - then there was a fault
        raise AssertionError(keys)
    return _state_dir(root)


def _state_dir(root: Root) -> Path:
    return Path(root.state_dir) if root.state_dir else Path(root.store.removeprefix("sqlite:///")).parent


def monitor(common: Common, kind: str, options: KindOptions, defaults: Defaults) -> Monitor:
    """One monitor, whatever it does not say taken from its kind or from the defaults."""
    said = {key: value for key, value in common if value is not None}
    interval = common.interval or defaults.interval
    pace: dict[str, Any] = {
        key: said.get(key, options.thresholds.get(key, getattr(defaults, key)))
        for key in ("fail_after", "recover_after", "retry_interval")
    }
    return Monitor(
        name=common.name,
        kind=kind,
        options=options,
        target=options.target(),
        host=options.host(),
        interval=interval,
        timeout=min(common.timeout or defaults.timeout, interval),
        thresholds=Thresholds(**{**pace, "retry_interval": min(pace["retry_interval"], interval)}),
        severity=common.severity or defaults.severity,
        tags=common.tags,
        policy=common.policy or "",
        description=common.description,
        runbook=common.runbook or "",
        depends_on=tuple(dict.fromkeys(common.depends_on or ())),
        flapping=_flapping(defaults.flapping if common.flapping is None else common.flapping),
        network_guard=common.network_guard,
        slo=None if common.slo is None else Objective(common.slo.target, common.slo.days),
        public_only=defaults.public_only if common.public_only is None else common.public_only,
    )


def _check_pace(faults: Faults, path: KeyPath, said: Common | Defaults, interval: int, interval_path: KeyPath) -> None:
    """What is said of the times of one check must fit between two of them; what is not said is made to fit."""
    hidden = interval_path in faults.document.borrowed
    limit = "`interval`" if hidden else f"`interval`, which is {format_duration(interval)}"
    for key in ("timeout", "retry_interval"):
        value = getattr(said, key)
        if key in said.model_fields_set and value is not None and value > interval:
            faults.add((*path, key), f"must not be longer than {limit}")


def _channels(faults: Faults) -> Iterator[tuple[str, ChannelSettings]]:
    for name, data in _section(faults, "channels"):
        path: KeyPath = ("channels", name)
        kind = _kind(faults, path, data, CHANNELS, "kind of channel")
        if kind is not None:
            rest = {key: value for key, value in data.items() if key != "kind"}
            options: ChannelOptions | None = faults.read(CHANNELS[kind].options, path, rest, known=("kind",))
            if options is not None:
                yield name, ChannelSettings(name, kind, options)


def _policies(faults: Faults) -> Iterator[tuple[str, Policy]]:
    for name, data in _section(faults, "policies", shorthand=True):
        path: KeyPath = ("policies", name)
        whole: PolicyOptions | None = None
        if isinstance(data, list):
            steps = data
        elif (whole := faults.read(PolicyOptions, path, data)) is not None:
            path, steps = (*path, "steps"), whole.steps
        else:
            continue
        read = [faults.read(StepOptions, (*path, index), step) for index, step in enumerate(steps)]
        said = tuple(step.step() for step in read if step is not None)
        yield name, whole.policy(name, said) if whole is not None else Policy(name, said)


def _section(faults: Faults, section: str, *, shorthand: bool = False) -> Iterator[tuple[str, Any]]:
    """The named entries of a section that are mappings (or lists, where that is a `shorthand`)."""
    entries = faults.document.data.get(section)
    for name, data in entries.items() if isinstance(entries, dict) else ():
        try:
            valid_name(name)
        except ValueError as error:
            faults.add((section, name), str(error), at_key=True)
        if isinstance(data, dict) or (shorthand and isinstance(data, list)):
            yield name, data
        else:
            faults.add((section, name), f"must be a mapping{' or a list of steps' if shorthand else ''}")


def _monitors(faults: Faults, defaults: Defaults | None) -> Iterator[tuple[str, Monitor]]:
    entries = faults.document.data.get("monitors")
    for index, data in enumerate(entries if isinstance(entries, list) else ()):
        path: KeyPath = ("monitors", index)
        if not isinstance(data, dict):
            faults.add(path, "must be a mapping: - name: …")
        elif (found := _monitor(faults, path, data, defaults)) is not None:
            yield found.name, found


def _monitor(faults: Faults, path: KeyPath, data: dict[str, Any], defaults: Defaults | None) -> Monitor | None:
    common = faults.read(Common, path, {key: value for key, value in data.items() if key in COMMON_KEYS})
    if common is not None and common.interval is not None:
        _check_pace(faults, path, common, common.interval, (*path, "interval"))
    elif common is not None and defaults is not None:
        _check_pace(faults, path, common, defaults.interval, ("defaults", "interval"))
    kind = _kind(faults, path, data, KINDS, "kind of monitor")
    if kind is None:
        return None
    own = {key: value for key, value in data.items() if key not in COMMON_KEYS and key != "kind"}
    options: KindOptions | None = faults.read(KINDS[kind].options, path, own, known={*COMMON_KEYS, "kind"})
    if common is None or options is None:
        return None
    made = monitor(common, kind, options, defaults or Defaults())
    if (unfit := options.unfit(made.interval)) is not None:
        faults.add((*path, unfit[0]), unfit[1])
    return made


def _kind(faults: Faults, path: KeyPath, data: Mapping[str, Any], kinds: Collection[str], noun: str) -> str | None:
    kind = data.get("kind")
    if "kind" not in data:
        faults.add((*path, "kind"), f"is required: one of {', '.join(sorted(kinds))}")
    elif not isinstance(kind, str) or kind not in kinds:
        hidden = (*path, "kind") in faults.document.borrowed
        hint = suggest("" if hidden else str(kind), kinds)
        faults.add((*path, "kind"), f"there is no {noun} {faults.shown((*path, 'kind'), str(kind))}; {hint}")
    else:
        return kind
    return None


def _settings(
    document: Document,
    source: Path,
    said: tuple[Root, Defaults],
    channels: Mapping[str, ChannelSettings],
    policies: Mapping[str, Policy],
    monitors: Mapping[str, Monitor],
) -> Settings:
    root, defaults = said
    own = root.heartbeat
    people = {name: options.person(name) for name, options in root.people.items()}
    channels = channels or implied.channels()
    quiet = root.quiet_hours.facts("UTC") if root.quiet_hours else None
    if not policies:
        quiet = quiet or implied.quiet_hours(people)
        policies = implied.policies(channels, people, tuple(root.oncall))
    return Settings(
        source=source,
        files=document.files,
        fingerprint=document.fingerprint,
        store=root.store,
        state_dir=_state_dir(root),
        web=root.web.bind,
        base_url=root.web.base_url or f"http://{root.web.bind}",
        ingest=root.ingest.bind if root.ingest and root.ingest.bind != root.web.bind else None,
        location=root.location,
        limits=Limits(root.limits.concurrency, root.limits.per_host),
        retention=Retention(raw=root.retention.raw, hourly=root.retention.hourly),
        own_heartbeat=OwnHeartbeat(own.url, own.interval) if own else None,
        nameservers=root.nameservers,
        network=_anchors(root),
        maintenance=tuple(_window(options) for options in root.maintenance),
        monitors=monitors,
        channels=channels,
        policies=policies,
        people=people,
        quiet_hours=quiet,
        default_policy=defaults.policy,
        links=dict(root.links),
        schedules={name: options.schedule(name) for name, options in root.oncall.items()},
        sources=root.alerts.facts(),
        watchdogs=root.alerts.watchdogs(),
        ingest_url=(root.ingest.base_url if root.ingest else None) or "",
        answer_url=(root.ingest.base_url if root.ingest else None) or root.web.base_url or "",
        link_lasting=root.answers.link_lasts,
        borrowed=dict(document.borrowed),
    )
