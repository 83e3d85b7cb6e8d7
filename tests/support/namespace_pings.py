"""Pings inside a network namespace of their own, where routes, filters and permissions are the test's to decide.

As a program it runs the checks that its argument lists (JSON), all at once, on each event loop in turn, and prints
what came of them.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from support.needs import missing

ROOT = Path(__file__).parents[2]
SETUP = """
set -e
ip link set lo up
for last in 2 3 4 5; do ip address add 10.9.0.$last/32 dev lo; done
ip route add unreachable 198.51.100.0/24
iptables -w -A INPUT -p icmp --icmp-type echo-request -d 10.9.0.2 -j REJECT --reject-with icmp-host-prohibited
iptables -w -A INPUT -p icmp --icmp-type echo-request -d 10.9.0.3 -j DROP
iptables -w -A INPUT -p icmp --icmp-type echo-request -d 10.9.0.4 -m statistic --mode nth --every 3 --packet 1 -j DROP
ip -6 address add 2001:db8::2/128 dev lo nodad
ip6tables -w -A INPUT -p icmpv6 --icmpv6-type echo-request -d 2001:db8::2 -j REJECT --reject-with icmp6-adm-prohibited
"""
"""10.9.0.2 is prohibited, .3 silent, .4 loses every third packet, .5 answers; 2001:db8::2 is prohibited; there is no
route to 198.51.100.0/24."""


def pinged(checks: list[dict[str, Any]], *, raw: bool, groups: str) -> dict[str, list[dict[str, Any]]]:
    """What came of the checks, by the name of the loop; skips where this machine allows no such namespace.

    :param raw: whether the process may open raw sockets.
    :param groups: net.ipv4.ping_group_range.
    """
    enter = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
    allow = f"echo '{groups}' > /proc/sys/net/ipv4/ping_group_range"
    ready = subprocess.run([*enter, "sh", "-c", SETUP + allow], capture_output=True, text=True, check=False)
    if ready.returncode:
        missing(f"this machine allows no such network namespace: {ready.stderr.strip()}")
    drop = "" if raw else "setpriv --bounding-set=-net_raw --inh-caps=-net_raw "
    command = f'{SETUP}{allow}\nexec {drop}"$0" -P -m support.namespace_pings "$1"'
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}"}
    ended = subprocess.run(
        [*enter, "sh", "-c", command, sys.executable, json.dumps(checks)],
        capture_output=True, text=True, check=False, env=environment, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    found: dict[str, list[dict[str, Any]]] = json.loads(ended.stdout)
    return found


async def _all(checks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    from support.probing import asker

    async with asker("icmp") as probe:
        results = await asyncio.gather(*(probe.ask(timeout=1.5, **options) for options in checks))
    return [
        {"outcome": one.outcome, "reason": one.reason, "message": one.message, "seen": dict(one.observations)}
        for one in results
    ]


def main() -> None:
    from support.loops import LOOPS, NAMES, run_on

    checks = json.loads(sys.argv[1])
    found = {name: run_on(loop, _all(checks)) for loop, name in zip(LOOPS, NAMES, strict=True)}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
