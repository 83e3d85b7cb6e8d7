"""Install the real servers that tests run against, where this machine allows it; `make test` calls it first.

A server that is missing and cannot be installed is named with the reason. Its tests then skip (tests/support/needs.py),
except on CI (CI=true), where this script and those tests fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

# program -> Debian package
SERVERS = {
    "iptables": "iptables",
    "ip": "iproute2",
    "openssl": "openssl",
    "sshd": "openssh-server",
    "ssh-keygen": "openssh-client",
    "unbound": "unbound",
    "knotd": "knot",
    "nginx": "nginx-light",
    "postgres": "postgresql-15",
    "mariadbd": "mariadb-server",
    "redis-server": "redis-server",
    "rabbitmq-server": "rabbitmq-server",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-postgres-exporter": "prometheus-postgres-exporter",
    "prometheus-redis-exporter": "prometheus-redis-exporter",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
    "victoria-metrics": "victoria-metrics",
    "systemd-analyze": "systemd",
}

_PLACES = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/lib/postgresql/15/bin")
_PATH = os.pathsep.join((os.environ.get("PATH", ""), *_PLACES))


def main() -> int:
    missing = sorted({package for program, package in SERVERS.items() if shutil.which(program, path=_PATH) is None})
    if not missing:
        return 0
    problem = install(missing)
    if not problem:
        return 0
    say(f"Not installed: {', '.join(missing)}: {problem}. Tests that need them are skipped.")
    return 1 if os.environ.get("CI") == "true" else 0


def install(packages: list[str]) -> str:
    """Install Debian packages; returns why not, or nothing."""
    if shutil.which("apt-get", path=_PATH) is None:
        return "this is no Debian system (no apt-get)"
    root = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    if root and not passwordless(root):
        return "neither root nor passwordless sudo"
    say(f"Installing for the tests: {', '.join(packages)} …")

    install_them = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *packages]
    for command in (["apt-get", "update", "--quiet"], install_them):
        whole = [*root, "env", "DEBIAN_FRONTEND=noninteractive", *command]
        ended = subprocess.run(whole, stdout=subprocess.DEVNULL, check=False)
        if ended.returncode:
            return f"`{' '.join(command)}` ended with {ended.returncode}"
    return ""


def say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()


def passwordless(root: list[str]) -> bool:
    if shutil.which(root[0]) is None:
        return False
    return subprocess.run([*root, "true"], capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
