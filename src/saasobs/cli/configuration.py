"""`saasobs validate` and `saasobs schema`: the configuration itself, without running anything."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from saasobs.cli.command import Exit
from saasobs.cli.places import configuration_path
from saasobs.cli.screen import print_json
from saasobs.core.errors import ConfigurationError, Fault
from saasobs.settings import Settings, load
from saasobs.settings import schema as settings_schema


def validate(options: Namespace) -> int:
    """Every configuration named, each on its own; faults go to stderr, one a line."""
    paths = options.paths or [configuration_path(options.config, os.environ)]
    reports = [_report(path, os.environ) for path in paths]
    if options.json:
        print_json({"valid": all(report["valid"] for report in reports), "files": reports})
    else:
        for report in reports:
            _print(report)
    return Exit.OK if all(report["valid"] for report in reports) else Exit.USAGE


def _report(path: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    try:
        settings = load(path, environ)
    except ConfigurationError as error:
        return {"path": str(path), "valid": False, "faults": [asdict(fault) for fault in error.faults]}
    return {"path": str(path), "valid": True, "faults": [], **_counts(settings)}


def _counts(settings: Settings) -> dict[str, int]:
    return {
        "monitors": len(settings.monitors),
        "channels": len(settings.channels),
        "policies": len(settings.policies),
    }


def _print(report: Mapping[str, Any]) -> None:
    if report["valid"]:
        counts = ", ".join(_counted(report[noun], noun) for noun in ("monitors", "channels", "policies"))
        print(f"{report['path']}: ok ({counts})")
        return
    for fault in report["faults"]:
        print(Fault(**fault), file=sys.stderr)
    print(f"{report['path']}: {_counted(len(report['faults']), 'faults')}", file=sys.stderr)


def _counted(number: int, plural: str) -> str:
    singular = "policy" if plural == "policies" else plural[:-1]
    return f"{number} {singular if number == 1 else plural}"


def schema(_options: Namespace) -> int:
    """For editors."""
    print_json(settings_schema())
    return Exit.OK
