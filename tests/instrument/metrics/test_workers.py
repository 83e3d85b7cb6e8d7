"""Several workers, one truth: real gunicorn and uvicorn, whose workers are killed while their numbers are read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError

import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.daemon import free_port
from support.needs import missing
from support.workers import Workers, serving_workers, value_in

GUNICORN = ("gunicorn", "-b", "127.0.0.1:{port}", "-w", "2", "--graceful-timeout", "2")
READING = (
    "setpriv", "--securebits", "+no_setuid_fixup",
    "--bounding-set", "-all,+dac_read_search,+setuid,+setgid,+chown,+kill",
)  # fmt: skip
"""Runs a command that may read a checkout that is not open to all, and goes on to when it becomes somebody else; it may
write no more than that one."""
SERVERS = {
    "gunicorn-sync": (*GUNICORN, "support.measured_app:wsgi"),
    "gunicorn-preload": (*GUNICORN, "--preload", "support.measured_app:wsgi"),
    "gunicorn-uvicorn": (*GUNICORN, "-k", "uvicorn.workers.UvicornWorker", "support.measured_app:asgi"),
    "uvicorn": ("uvicorn", "support.measured_app:asgi", "--port", "{port}", "--workers", "2", "--log-level", "error"),
}
REQUESTS = "http_server_request_duration_seconds_count"


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workers]:
    if request.param == "gunicorn-uvicorn":
        pytest.importorskip("uvicorn.workers")
    with serving_workers(tmp_path, *SERVERS[request.param]) as workers:
        yield workers


def _folder(tmp_path: Path) -> Path:
    (folder,) = (tmp_path / f"saasobs-{os.geteuid()}").iterdir()
    return folder


def test_the_numbers_of_all_workers_are_right_whoever_answers_and_stay_when_one_is_killed(
    server: Workers, tmp_path: Path
) -> None:
    """Two workers, a kill -9, a successor: requests, the app's own counter and CPU seconds never go backwards."""
    seen, count = server.reach_all("/work", 2)
    server.wait_for(lambda: server.value(REQUESTS) == count)  # a request is counted when its last byte has gone
    assert {server.value(REQUESTS) for _ in range(6)} == {float(count)}
    assert server.value("orders_total") == count
    assert server.value("saasobs_workers") == 2
    assert server.value("orders_open") in (1, 2)  # set once when the app was imported: by each, or before they forked
    cpu = server.value("process_cpu_seconds_total")

    victim = seen.pop()
    os.kill(victim, signal.SIGKILL)
    server.wait_for(lambda: _serves_without(server, victim))
    assert server.value(REQUESTS) >= count
    successors, more = server.reach_all("/work", 2)
    assert victim not in successors
    server.wait_for(lambda: server.value(REQUESTS) >= count + more)
    text = server.get("/metrics")[0].decode()
    assert value_in(text, REQUESTS) == value_in(text, "orders_total")
    assert value_in(text, "process_cpu_seconds_total") >= cpu
    assert value_in(text, "saasobs_workers") == 2
    left = [path.name for path in _folder(tmp_path).iterdir()]
    assert not [name for name in left if name.startswith(f"{victim}-") or name.endswith(f"_{victim}.db")]
    assert "folded.json" in left
    assert "counter_folded.db" in left


@pytest.mark.parametrize("name", ["gunicorn-sync", "uvicorn"])
def test_a_tenant_has_one_label_in_every_worker(name: str, tmp_path: Path) -> None:
    """Three labels among eight tenants: each tenant is told wholly by its name or wholly with the rest."""
    with serving_workers(tmp_path, *SERVERS[name], SAASOBS_TENANT_LIMIT="3") as server:
        server.reach_all("/work", 2)
        tenants, workers, asked = [f"t{number}" for number in range(8)], set[int](), 0
        requests = "http_server_tenant_requests_total"
        while asked < 6 * len(tenants) or len(workers) < 2:
            for tenant in tenants:
                workers |= server.work(f"/tenant/{tenant}", 1)
                asked += 1
                if asked <= len(tenants):  # a request is counted when its last byte has gone: one after the other
                    server.wait_for(lambda: server.value(requests) == asked)  # noqa: B023 - asked at once
            assert asked < 1000, f"only {workers} answered"
        times, overflow = asked // len(tenants), "saasobs_tenant_overflow_total"
        server.wait_for(lambda: (server.value(requests), server.value(overflow)) == (asked, 5 * times))
        text = server.get("/metrics")[0].decode()
    own = [tenant for tenant in tenants if value_in(text, requests, tenant=tenant)]
    assert own == tenants[:3]
    assert [value_in(text, requests, tenant=tenant) for tenant in own] == [times] * 3
    assert value_in(text, requests, tenant="__other__", http_response_status_class="2xx") == 5 * times
    assert value_in(text, overflow) == 5 * times


def test_what_was_only_true_of_a_living_worker_goes_with_it(tmp_path: Path) -> None:
    """The requests in progress of a worker that is killed are in progress no longer."""
    with serving_workers(tmp_path, *SERVERS["gunicorn-uvicorn"]) as server:
        slow = subprocess.Popen(["curl", "-s", f"{server.url}/slow"], stdout=subprocess.DEVNULL)
        try:
            server.wait_for(lambda: server.value("http_server_active_requests") == 1)
            before, _ = server.reach_all("/work", 2)
            for worker in before:
                os.kill(worker, signal.SIGKILL)
            server.wait_for(lambda: _answers(server) and server.value("http_server_active_requests") == 0)
            assert server.value(REQUESTS) >= 2
        finally:
            slow.kill()
            slow.wait()


def test_a_folder_of_the_operators_is_honoured_and_an_earlier_run_forgotten(tmp_path: Path) -> None:
    """PROMETHEUS_MULTIPROC_DIR is made and used, and what an earlier master has left there is not counted again."""
    folder = tmp_path / "chosen" / "metrics"
    command = SERVERS["gunicorn-sync"]
    for _ in range(2):
        with serving_workers(tmp_path, *command, PROMETHEUS_MULTIPROC_DIR=str(folder)) as server:
            _, count = server.reach_all("/work", 2)
            server.wait_for(lambda: server.value(REQUESTS) == count)  # noqa: B023 - asked at once
            assert len(list(folder.glob("*.cells"))) == 2
            assert list(folder.glob("counter_*.db"))
    assert not list(tmp_path.glob("saasobs-*"))


def test_a_library_that_was_imported_too_early_is_named_once(tmp_path: Path) -> None:
    """Each worker then tells the app's own metrics for itself, says so once, and ours are right all the same."""
    with serving_workers(tmp_path, *SERVERS["gunicorn-sync"], LIBRARY="early") as server:
        _, count = server.reach_all("/work", 2)
        server.wait_for(lambda: server.value(REQUESTS) == count)
        assert server.value("orders_total") < count
        lines = [line for line in server.process.log.read_text().splitlines() if "imported before" in line]
    assert len(lines) == 2
    assert json.loads(lines[0])["event"] == "saasobs.misconfigured"


def test_a_server_that_changes_its_user_is_told_what_to_do(tmp_path: Path) -> None:
    """Preloaded by root and served by nobody, the app works, and one line says why its numbers are not added up."""
    if os.geteuid() != 0:
        missing("only root can become somebody else")
    open_to_all = all(folder.stat().st_mode & 0o001 for folder in (Path(sys.prefix), *Path(sys.prefix).parents))
    command = list(SERVERS["gunicorn-preload"])
    command[1:1] = ["--user", "nobody", "--worker-tmp-dir", "/dev/shm"]
    with serving_workers(tmp_path, *command, prefix=() if open_to_all else READING) as server:
        server.reach_all("/work", 2)
        assert server.value(REQUESTS) >= 1
        lines = server.process.log.read_text().splitlines()
    assert len([line for line in lines if "will run as another user" in line]) == 1
    assert not [line for line in lines if "Traceback" in line or '"level":"error"' in line]


def test_a_worker_takes_the_port_over_from_one_that_dies(tmp_path: Path) -> None:
    """With a port for the metrics one worker serves those of all, and when it is killed another does."""
    port = free_port()
    with serving_workers(tmp_path, *SERVERS["gunicorn-sync"], SAASOBS_METRICS=str(port)) as server:
        side = Workers(f"http://127.0.0.1:{port}", server.process)
        _, count = server.reach_all("/work", 2)
        side.wait_for(lambda: _answers(side) and side.value(REQUESTS) == count)
        with pytest.raises(HTTPError):
            side.get("/other")
        with pytest.raises(HTTPError):
            side.get("/metrics", x_forwarded_for="192.0.2.1")
        os.kill(_listener(port), signal.SIGKILL)
        side.wait_for(lambda: _answers(side))
        assert side.value(REQUESTS) >= count


def test_many_tenants_at_once_cannot_take_more_labels_than_there_are(tmp_path: Path) -> None:
    """Requests of many tenants, side by side in two workers: no more labels than the limit."""
    with serving_workers(tmp_path, *SERVERS["uvicorn"], SAASOBS_TENANT_LIMIT="5") as server:
        server.reach_all("/work", 2)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: server.work(f"/tenant/t{number}", 1), range(60)))
        text = server.get("/metrics")[0].decode()
    shown = {
        sample.labels["tenant"]
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "tenant" in sample.labels
    }
    assert len(shown - {"__other__"}) == 5


def _listener(port: int) -> int:
    """Who listens on a port."""
    told = subprocess.run(["ss", "-Hltnp", f"sport = :{port}"], capture_output=True, text=True, check=True).stdout
    return int(told.partition("pid=")[2].partition(",")[0])


def _answers(server: Workers) -> bool:
    try:
        server.get("/metrics")
    except OSError:
        return False
    return True


def _serves_without(server: Workers, victim: int) -> bool:
    """The master has noticed: nobody is lost in the dead worker's queue any more."""
    try:
        return victim not in server.work("/work", 3)
    except OSError:
        return False
