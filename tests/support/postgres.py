"""PostgreSQL 15 on loopback, with a data folder of its own; for a test session, since initdb takes seconds."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.daemon import free_port, wait_until
from support.needs import require_binary
from support.process import ServerProcess, as_user, folder_of, give
from support.tls import Identity

USER = "postgres"
PASSWORD = "a-word-for-tests"
_ACCESS = """\
local all all trust
host all md5_user 127.0.0.1/32 md5
host all clear_user 127.0.0.1/32 password
hostssl all tls_user 127.0.0.1/32 scram-sha-256
host all turned_away 127.0.0.1/32 reject
host all trusted 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
"""
_SETTINGS = {
    "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "16MB",
    "max_connections": "30", "log_min_messages": "warning", "logging_collector": "off",
}  # fmt: skip


@dataclass
class Postgres:
    """A running one. `postgres` (the superuser) and `monitor` log in over TCP with PASSWORD."""

    port: int
    folder: Path
    process: ServerProcess

    @property
    def url(self) -> str:
        """Of the superuser, by TCP."""
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    @property
    def socket(self) -> Path:
        return self.folder / f".s.PGSQL.{self.port}"

    @property
    def log(self) -> str:
        return self.process.log.read_text()

    def run(self, sql: str, database: str = "postgres") -> str:
        """What psql prints, as the superuser."""
        program = require_binary("psql", "postgresql-client-15")
        command = [program, "-h", str(self.folder), "-p", str(self.port), "-U", USER, "-d", database, "-XAtqc", sql]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    def settle(self) -> str:
        """Wait until nobody else is connected, so that what they left has been logged; returns the log."""
        others = (
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            " AND query NOT LIKE '%pg_sleep%'"  # these sleep on for minutes, and say nothing
        )
        wait_until(lambda: self.run(others) == "0", 60, "earlier connections to end")
        return self.log

    def stop(self) -> None:
        """At once, whoever is connected."""
        self.process.stop(signal.SIGINT)

    def start(self) -> None:
        self.process.start()

    @contextmanager
    def encrypted(self, identity: Identity) -> Iterator[None]:
        """With TLS, for as long as it takes."""
        pem = give(Path(shutil.copy(identity.pem, self.folder / "server.pem")), USER)
        for name in ("ssl_cert_file", "ssl_key_file"):
            self.run(f"ALTER SYSTEM SET {name} = '{pem}'")
        self._switch_tls("on")
        try:
            yield
        finally:
            self._switch_tls("off")

    def _switch_tls(self, to: str) -> None:
        self.run(f"ALTER SYSTEM SET ssl = {to}")
        self.run("SELECT pg_reload_conf()")
        while self.run("SHOW ssl") != to:
            pass


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Start one, stop it at the end."""
    program = Path(require_binary("postgres", "postgresql-15")).resolve()
    with folder_of(USER) as folder:
        data = folder / "data"
        initdb: list[str | Path] = [
            *as_user(USER), program.with_name("initdb"), "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8",
            "--no-sync", "--locale=C.UTF-8",
        ]  # fmt: skip
        subprocess.run(initdb, check=True, capture_output=True, cwd="/")
        (data / "pg_hba.conf").write_text(_ACCESS)
        port = free_port()
        command: list[str | Path] = [
            *as_user(USER), program, "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder,
        ]  # fmt: skip
        for name, value in _SETTINGS.items():
            command += ["-c", f"{name}={value}"]
        ready = [*map(str, (program.with_name("pg_isready"), "-q", "-h", folder, "-p", port))]
        process = ServerProcess(
            command, lambda: subprocess.run(ready, check=False).returncode == 0, folder / "server.log"
        )
        process.start()
        try:
            server = Postgres(port, folder, process)
            _people(server)
            yield server
        finally:
            process.stop(signal.SIGQUIT)


def _people(server: Postgres) -> None:
    names = ("monitor", "clear_user", "tls_user", "turned_away", "trusted")
    server.run(f"ALTER ROLE {USER} PASSWORD '{PASSWORD}'")
    for name in names:
        server.run(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    server.run(f"SET password_encryption = md5; CREATE ROLE md5_user LOGIN PASSWORD '{PASSWORD}'")
