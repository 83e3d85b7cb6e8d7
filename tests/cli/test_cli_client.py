"""The client against real servers on real Unix sockets: good ones, strange ones and none."""

from __future__ import annotations

import re
import socket
import stat
import threading
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from saasobs.cli.client import SENTENCES, Client
from saasobs.cli.command import UsageError
from saasobs.cli.places import configuration_path, socket_of
from saasobs.core.errors import (
    ConfigurationError,
    DeliveryError,
    Fault,
    NotFound,
    SaasobsError,
    StorageError,
    Unavailable,
)
from saasobs.web import operator_app
from support.asgi_server import serving
from support.operator import FakeOperator, a_view


@pytest.fixture
def client(folder: Path, operator: FakeOperator) -> Iterator[Client]:
    path = folder / "saasobs.sock"
    with serving(operator_app(operator), uds=str(path)), Client(path) as client:
        yield client


def test_it_asks_and_tells(client: Client, operator: FakeOperator) -> None:
    """GET reads, POST changes, over the daemon's own API and past its guard."""
    assert client.get("status")["version"] == "1.2.3"
    assert client.get("incidents", open="true", limit=5)["incidents"][0]["open"] is True
    assert client.post("monitors", "api", "pause", by="ana")["paused"] is True
    assert ("pause", "api", "ana") in operator.calls


@pytest.mark.parametrize("name", ["shop / check out", "ünïcode", "a%2Fb", "a?b#c", "50%", "a/b/c", "pause"])
def test_any_name_arrives_as_it_is(client: Client, operator: FakeOperator, name: str) -> None:
    """Spaces, slashes, percent signs and the like in a name are quoted."""
    operator.views.append(a_view(name))
    assert client.get("monitors", name)["name"] == name
    assert client.post("monitors", name, "resume", by="x")["monitor"] == name


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NotFound("no monitor of that name"), NotFound),
        (StorageError("the disk is full", kind="full"), SaasobsError),
        (DeliveryError("token revoked", permanent=True), SaasobsError),
        (ConfigurationError((Fault("a.yaml", 1, "x", "is wrong"),)), SaasobsError),
        (SaasobsError("something else"), SaasobsError),
    ],
)
def test_what_the_daemon_says_is_passed_on(
    client: Client, operator: FakeOperator, error: SaasobsError, kind: type[SaasobsError]
) -> None:
    """An error of the daemon arrives with its own sentence, and never as 'not running'."""
    operator.failure = error
    with pytest.raises(kind, match=re.escape(str(error))) as caught:
        client.post("channels", "team-slack", "test")
    assert type(caught.value) is kind


def test_nobody_there(folder: Path) -> None:
    """Without a daemon the sentence names the configuration, the socket and the command that starts one."""
    with Client(folder / "none.sock", Path("shop.yaml")) as client, pytest.raises(Unavailable) as caught:
        client.get("status")
    assert str(caught.value) == (
        f"no saasobs daemon is running for shop.yaml (socket {folder}/none.sock): "
        "start it with `saasobs serve --config shop.yaml`"
    )


def test_a_socket_left_by_a_dead_daemon(folder: Path) -> None:
    """A socket file that nobody listens on is no daemon."""
    path = folder / "left.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert stat.S_ISSOCK(path.stat().st_mode)
    with Client(path) as client, pytest.raises(Unavailable, match="no saasobs daemon is running"):
        client.get("status")


async def a_stranger(scope: Scope, receive: Receive, send: Send) -> None:
    """Some other program that speaks HTTP."""
    await PlainTextResponse("hello", 200 if Request(scope).method == "GET" else 500)(scope, receive, send)


def test_a_stranger_on_the_socket(folder: Path) -> None:
    """What answers without being saasobs is called so, for good and bad statuses."""
    path = folder / "stranger.sock"
    with serving(a_stranger, uds=str(path)), Client(path) as client:
        for call in (client.get, client.post):
            with pytest.raises(SaasobsError, match="is no saasobs daemon of this version"):
                call("status")


def test_a_daemon_that_hangs(folder: Path) -> None:
    """One that takes the call and never answers is told apart from none."""
    path = folder / "hung.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with Client(path) as client, pytest.raises(Unavailable, match="does not answer in time"):
            client.post("reload", timeout=0.2)


def test_a_daemon_that_dies_while_answering(folder: Path) -> None:
    """An answer that breaks off is told as one."""
    path = folder / "dying.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def hang_up() -> None:
            for _ in range(2):  # the knock, then the call
                listener.accept()[0].close()

        dying = threading.Thread(target=hang_up)
        dying.start()
        with Client(path) as client, pytest.raises(Unavailable, match="broke off the answer"):
            client.get("status")
        dying.join(10)


def test_a_socket_of_another_user() -> None:
    """A socket that may not be opened says whose turn it is (asked directly: root, who runs CI, may open all)."""
    told = Client(Path("x.sock"))._unavailable(PermissionError(13, "Permission denied"))
    assert str(told) == "you may not speak to the daemon for the socket x.sock: run this as the daemon's own user"


def test_every_foreign_error_has_a_sentence() -> None:
    """The table of foreign errors is complete, and every row of it can be reached."""
    kinds: list[type] = [
        kind for kind in vars(httpx).values() if isinstance(kind, type) and issubclass(kind, httpx.HTTPError)
    ]
    kinds += [OSError, FileNotFoundError, ConnectionRefusedError, PermissionError, TimeoutError]
    first = {next(row for row, _ in SENTENCES if issubclass(kind, row)) for kind in kinds}
    assert first == {row for row, _ in SENTENCES}


# Where things are ----------------------------------------------------------------------------------------------


def test_the_configuration_that_is_meant(tmp_path: Path) -> None:
    """--config wins over $SAASOBS_CONFIG, which wins over the usual places in their order."""
    (tmp_path / "config").mkdir()
    second, first = tmp_path / "config/saasobs.yaml", tmp_path / "saasobs.yaml"
    second.touch()
    assert configuration_path(None, {}, tmp_path) == second
    first.touch()
    assert configuration_path(None, {}, tmp_path) == first
    assert configuration_path(None, {"SAASOBS_CONFIG": "/etc/x"}, tmp_path) == Path("/etc/x")
    assert configuration_path(Path("y"), {"SAASOBS_CONFIG": "/etc/x"}, tmp_path) == Path("y")


def test_no_configuration_anywhere(tmp_path: Path) -> None:
    """The sentence says where it looked and how to name one."""
    with pytest.raises(UsageError, match=r"neither \./saasobs\.yaml nor \./config/saasobs\.yaml; pass --config"):
        configuration_path(None, {}, tmp_path)


def options(**given: Any) -> Namespace:
    return Namespace(**{"socket": None, "config": None, **given})


def test_the_socket_of_a_configuration(tmp_path: Path) -> None:
    """It is saasobs.sock in the state_dir."""
    file = tmp_path / "s.yaml"
    file.write_text("state_dir: /run/so\nmonitors:\n  - {name: a, kind: http, url: http://localhost/}\n")
    assert socket_of(options(config=file), {}) == (Path("/run/so/saasobs.sock"), file)


def test_a_socket_needs_no_configuration() -> None:
    """With --socket no configuration is read, nor even looked for."""
    assert socket_of(options(socket=Path("x.sock")), {}) == (Path("x.sock"), None)


def test_a_path_too_long_for_a_socket() -> None:
    """The kernel's limit is told before the kernel refuses."""
    with pytest.raises(UsageError, match="too long"):
        socket_of(options(socket=Path("/" + "x" * 120)), {})


def test_a_broken_configuration_has_a_way_around(tmp_path: Path) -> None:
    """Its faults are told, and that --socket does without it."""
    file = tmp_path / "s.yaml"
    file.write_text("state_dir: 7\n")
    with pytest.raises(ConfigurationError, match=r"(?s)s\.yaml:1: .*--socket"):
        socket_of(options(config=file), {})
