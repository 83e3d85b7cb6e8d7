"""Rules as the YAML that Prometheus reads: ``python -m saasobs.rules.document`` writes alerts/*.yml and docs/alerts.md.

A test holds the files against what this makes, so that what is committed and the code cannot part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from saasobs.rules.data import data_groups
from saasobs.rules.model import Alert, Board, Group, Recording, RuleSet, Severity
from saasobs.rules.recording import recording_groups
from saasobs.rules.requests import request_groups
from saasobs.rules.texts import TEXTS
from saasobs.rules.watching import watching_groups

FOLDER: Final = Path("alerts")
LIST: Final = Path("docs/alerts.md")
FILES: Final = {"recording.yml": "recording rules", "alerts.yml": "alerts"}
OURS: Final = """\
# Made by `python -m saasobs.rules.document`: edit src/saasobs/rules, not this file.
# A set of your own: saasobs rules --service checkout --critical /pay,/login --slo 99.9
"""


def alert_groups(rules: RuleSet) -> tuple[Group, ...]:
    """Every alert, by what it asks about."""
    return (*request_groups(rules), *data_groups(rules), *watching_groups(rules))


def alerts_of(rules: RuleSet) -> tuple[Alert, ...]:
    """Every alert."""
    return tuple(rule for group in alert_groups(rules) for rule in group.rules if isinstance(rule, Alert))


def pages(rules: RuleSet, *, language: str = "en", head: str = OURS) -> Mapping[str, str]:
    """What stands in each of `FILES`.

    :param head: comments, which say how it was made.
    :param language: of `summary` and `description`; the others stand beside them, as ``summary_es``.
    """
    return {
        "recording.yml": head + text_of(recording_groups(rules), rules, language),
        "alerts.yml": head + text_of(alert_groups(rules), rules, language),
    }


def whole(rules: RuleSet, *, language: str = "en", head: str = OURS) -> str:
    """Everything in one file."""
    return head + text_of((*recording_groups(rules), *alert_groups(rules)), rules, language)


def text_of(groups: Iterable[Group], rules: RuleSet, language: str = "en") -> str:
    """A rule file."""
    body = {"groups": [_group(group, rules, language) for group in groups]}
    return yaml.dump(body, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000)


def _group(group: Group, rules: RuleSet, language: str) -> dict[str, Any]:
    made = [_record(one) if isinstance(one, Recording) else _alert(one, rules, language) for one in group.rules]
    return {"name": group.name, **({"interval": group.interval} if group.interval else {}), "rules": made}


def _record(rule: Recording) -> dict[str, Any]:
    return {"record": rule.name, "expr": rule.expr}


def _alert(alert: Alert, rules: RuleSet, language: str) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": alert.expr,
        **({"for": alert.for_} if alert.for_ else {}),
        **({"keep_firing_for": alert.keep} if alert.keep else {}),
        "labels": {"severity": alert.severity.value},
        "annotations": _annotations(alert, rules, language),
    }


def _annotations(alert: Alert, rules: RuleSet, language: str) -> dict[str, str]:
    mine = TEXTS[language][alert.name]
    said = {"summary": mine.summary, "description": mine.description}
    for other, texts in TEXTS.items():
        if other != language:
            text = texts[alert.name]
            said |= {f"summary_{other}": text.summary, f"description_{other}": text.description}
    return {
        **said,
        "runbook_url": f"{rules.runbooks.rstrip('/')}/{alert.name}.md",
        "dashboard_url": dashboard_url(rules.grafana, alert.board, alert.variables),
    }


def dashboard_url(grafana: str, board: Board, variables: Mapping[str, str]) -> str:
    """With the variables filled from the alert's labels."""
    query = "&".join(f"var-{name}={{{{ $labels.{label} | urlquery }}}}" for name, label in variables.items())
    return f"{grafana.rstrip('/')}/d/{board.value}{'?' if query else ''}{query}"


class _Dumper(yaml.SafeDumper):
    """Expressions of several lines as blocks, so that they can be read."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def severities(rules: RuleSet) -> Mapping[str, Severity]:
    """By the alert's name."""
    return {alert.name: alert.severity for alert in alerts_of(rules)}


_LIST_HEAD: Final = """\
# Alerts

<!-- Made by `python -m saasobs.rules.document`: edit src/saasobs/rules, not this page. -->

What the rules of `alerts/alerts.yml` watch. The daemon's default policy calls people for what is critical; warnings go
to Slack, and wait in quiet hours. Each has a runbook: what it means, the first five minutes, queries, and who. A set of
your own, for one service and its critical routes:

```console
$ saasobs rules --service checkout --critical '/pay,/login' --slo 99.9 --out my-rules
```

`config/prometheus.yml` hands them to the daemon, `config/prometheus-alertmanager.yml` to an Alertmanager
(`alerts/alertmanager.yml`) in front of it.

| alert | severity | holds for | says | dashboard |
| --- | --- | --- | --- | --- |
"""


def list_page(rules: RuleSet) -> str:
    """docs/alerts.md as it should be."""
    rows = []
    for alert in alerts_of(rules):
        said = re.sub(r"\{\{ (?:\$labels\.)?(\S+?)(?: \|[^}]*)? \}\}", r"*\1*", TEXTS["en"][alert.name].summary)
        link = f"[{alert.name}](runbooks/{alert.name}.md)"
        rows.append(
            f"| {link} | {alert.severity} | {alert.for_ or 'at once'} | {said.replace('$', '')} | {alert.board} |"
        )
    return _LIST_HEAD + "\n".join(rows) + "\n"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    LIST.write_text(list_page(RuleSet()), encoding="utf-8")
    for name, text in pages(RuleSet()).items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
