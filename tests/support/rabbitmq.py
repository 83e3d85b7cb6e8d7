"""RabbitMQ on loopback, with a node name, folders, ports and an epmd of its own; for a session: Erlang is slow."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.daemon import free_port
from support.needs import require_binary
from support.process import ServerProcess, folder_of, frozen
from support.tls import Identity

USER, PASSWORD = "monitor", "a-word-for-tests"
VHOST, QUEUE = "billing", "invoices"
_BIN = Path("/usr/lib/rabbitmq/bin")
"""Debian's own wrappers change the user, and with it the folders."""


@dataclass
class Rabbit:
    """A running one. `monitor` logs in with PASSWORD to VHOST, which has QUEUE, empty and without consumers."""

    port: int
    tls_port: int
    folder: Path
    process: ServerProcess

    @property
    def log(self) -> str:
        return self.process.log.read_text()

    def control(self, *words: str) -> str:
        """What rabbitmqctl prints; it takes a second or two."""
        ended = subprocess.run(
            [_BIN / "rabbitmqctl", *words], env=self.process.environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stopped as by kill -STOP: Erlang, not the shell that started it."""
        with frozen(int((self.folder / "pid").read_text())):
            yield


@contextmanager
def running_rabbitmq(identity: Identity) -> Iterator[Rabbit]:
    """Start one that offers TLS on another port, stop it at the end."""
    require_binary("rabbitmq-server", "rabbitmq-server")
    with folder_of() as folder, _port_mapper() as mapper:
        port, tls_port = free_port(), free_port()
        (folder / "definitions.json").write_text(json.dumps(_definitions()))
        (folder / "enabled_plugins").write_text("[].")
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.default = 127.0.0.1:{port}\nlisteners.ssl.default = 127.0.0.1:{tls_port}\n"
            f"ssl_options.certfile = {identity.pem}\nssl_options.keyfile = {identity.pem}\n"
            "ssl_options.verify = verify_none\n"
            f"load_definitions = {folder}/definitions.json\nlog.file = false\nlog.console = true\n"
            "log.console.level = warning\n"
        )
        environment = os.environ | {
            "HOME": str(folder),
            "RABBITMQ_NODENAME": f"test{port}@localhost",
            "RABBITMQ_MNESIA_BASE": str(folder / "db"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "ERL_EPMD_PORT": str(mapper),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none",
        }
        process = ServerProcess(
            [_BIN / "rabbitmq-server"], lambda: _listens(tls_port), folder / "server.log", environment
        )
        process.start()
        try:
            yield Rabbit(port, tls_port, folder, process)
        finally:
            process.stop(signal.SIGTERM)


def _definitions() -> dict[str, object]:
    right = {"configure": ".*", "write": ".*", "read": ".*"}
    return {
        "users": [{"name": USER, "password": PASSWORD, "tags": []}, {"name": "guest", "password": "guest", "tags": []}],
        "vhosts": [{"name": "/"}, {"name": VHOST}, {"name": "private"}],
        "permissions": [{"user": USER, "vhost": VHOST} | right, {"user": "guest", "vhost": "/"} | right],
        "queues": [{"name": QUEUE, "vhost": VHOST, "durable": True, "auto_delete": False, "arguments": {}}],
    }


@contextmanager
def _port_mapper() -> Iterator[int]:
    """Erlang's epmd, which a node would start by itself, and leave behind."""
    port = free_port()
    mapper = subprocess.Popen(
        [require_binary("epmd", "erlang-base"), "-port", str(port), "-address", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield port
    finally:
        mapper.terminate()
        mapper.wait(10)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
