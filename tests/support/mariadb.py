"""MariaDB 10.11 on loopback, with a data folder of its own; for a session, since its installation takes seconds."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.daemon import free_port
from support.needs import require_binary
from support.process import ServerProcess, folder_of, give
from support.tls import Identity

USER = "mysql"
PASSWORD = "a-word-for-tests"
_SETTINGS = (
    "--skip-log-bin", "--innodb-buffer-pool-size=16M", "--innodb-log-file-size=4M", "--max-connections=20",
    "--innodb-flush-log-at-trx-commit=0", "--aria-pagecache-buffer-size=4M", "--key-buffer-size=4M",
    "--performance-schema=off", "--log-warnings=2", "--skip-name-resolve",
)  # fmt: skip


@dataclass
class Mariadb:
    """A running one. `monitor` logs in over TCP with PASSWORD."""

    port: int
    folder: Path
    process: ServerProcess

    @property
    def socket(self) -> Path:
        return self.folder / "s"

    def run(self, sql: str) -> str:
        """What the client prints, as root."""
        program = require_binary("mariadb", "mariadb-client")
        command = [program, "--no-defaults", f"--socket={self.socket}", "--user=root", "-BNe", sql]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()


@contextmanager
def running_mariadb(identity: Identity) -> Iterator[Mariadb]:
    """Start one that offers TLS, stop it at the end."""
    program = require_binary("mariadbd", "mariadb-server")
    install = require_binary("mariadb-install-db", "mariadb-server")
    owner = [f"--user={USER}"] if os.geteuid() == 0 else []
    with folder_of(USER) as folder:
        data = folder / "data"
        # Its own folder for temporary files, since /tmp may be closed to its user; --force: no name needs to resolve.
        installed = subprocess.run(
            [
                install, "--no-defaults", *owner, f"--datadir={data}", f"--tmpdir={folder}", "--force",
                "--auth-root-authentication-method=normal", "--skip-test-db", *_SETTINGS,
            ],
            capture_output=True, text=True, check=False, cwd="/",
        )  # fmt: skip
        assert installed.returncode == 0, installed.stdout + installed.stderr
        pem = give(Path(shutil.copy(identity.pem, folder / "server.pem")), USER)
        port, socket = free_port(), folder / "s"
        command = [
            program, "--no-defaults", *owner, f"--datadir={data}", f"--port={port}", "--bind-address=127.0.0.1",
            f"--socket={socket}", f"--pid-file={folder / 'pid'}", f"--tmpdir={folder}",
            f"--ssl-cert={pem}", f"--ssl-key={pem}", *_SETTINGS,
        ]  # fmt: skip
        ping = [
            require_binary("mariadb-admin", "mariadb-client"),
            "--no-defaults",
            f"--socket={socket}",
            "-uroot",
            "ping",
        ]
        process = ServerProcess(
            command,
            lambda: subprocess.run(ping, check=False, capture_output=True).returncode == 0,
            folder / "server.log",
        )
        process.start()
        try:
            server = Mariadb(port, folder, process)
            server.run(
                f"CREATE USER monitor@127.0.0.1 IDENTIFIED BY '{PASSWORD}'; CREATE USER monitor@localhost IDENTIFIED BY"
                f" '{PASSWORD}'; CREATE DATABASE shop; GRANT ALL ON shop.* TO monitor@127.0.0.1, monitor@localhost"
            )
            yield server
        finally:
            process.stop(signal.SIGKILL)
