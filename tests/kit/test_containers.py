"""What is for container engines: linted, held against schemas, run as far as possible. No engine is at hand here."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from saasobs.rules.document import FILES as RULE_FILES
from saasobs.rules.thresholds import SLOW_SECONDS
from support.boards import ROOT
from support.daemon import free_port, wait_until
from support.needs import require_binary

CONFIG = ROOT / "config"
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((CONFIG / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
COLLECTOR: dict[str, Any] = yaml.safe_load((CONFIG / "otel-collector.yaml").read_text(encoding="utf-8"))
NOBODY = "65534:65534"


def _run(*words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=120, cwd=ROOT, **more)


def _stages() -> dict[str, list[str]]:
    """The instructions of each stage of the Dockerfile; a line that goes on is one."""
    whole = re.sub(r"\\\n\s*", "", "\n".join(line for line in DOCKERFILE.splitlines() if not line.startswith("#")))
    stages: dict[str, list[str]] = {}
    for line in filter(None, whole.splitlines()):
        if line.startswith("FROM "):
            stages[line.split(" AS ")[1]] = [line]
        else:
            stages[list(stages)[-1]].append(line)
    return stages


def _instruction(stage: str, name: str) -> str:
    [found] = [line.removeprefix(f"{name} ") for line in _stages()[stage] if line.startswith(f"{name} ")]
    return found


# The Dockerfile --------------------------------------------------------------------------------------------------


def test_hadolint() -> None:
    """The linter of Dockerfiles has nothing to say."""
    hadolint = Path(sys.executable).with_name("hadolint")
    ran = _run(str(hadolint), "--failure-threshold", "style", "Dockerfile")
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("stage", ["shop", "daemon"])
def test_an_image_runs_as_nobody(stage: str) -> None:
    """Without a shell, with a health check, and with nothing of the build in it."""
    lines = _stages()[stage]
    assert _instruction(stage, "USER") == NOBODY
    assert [line for line in lines if line.startswith("USER")] > []
    for name in ("ENTRYPOINT", "CMD"):
        assert isinstance(json.loads(_instruction(stage, name)), list)
    assert " CMD [" in _instruction(stage, "HEALTHCHECK")
    assert re.fullmatch(r"FROM python:\d\.\d+-slim-\w+ AS \w+", lines[0])
    assert not [line for line in lines if "pip install" in line or line.startswith("ADD")]


def test_what_is_copied_is_there() -> None:
    """And .dockerignore lets it through."""
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[0] == "!"]
    copied = [
        source
        for lines in _stages().values()
        for line in lines
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    ]
    assert "src" in copied
    for source in copied:
        assert list(ROOT.glob(source)), source
        assert any(source == one or source.startswith(f"{one}/") or fnmatch(source, one) for one in allowed), source


def test_the_wheel_is_built_from_what_is_copied() -> None:
    """Every file that pyproject.toml names for the wheel."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    named = {project["project"]["readme"], *project["project"]["license-files"], *wheel["force-include"]}
    copied = " ".join(line for line in _stages()["build"] if line.startswith("COPY"))
    for name in named:
        assert name in copied or (name.startswith("dashboards/") and "dashboards/*.json" in copied), name


# The composition -------------------------------------------------------------------------------------------------


def test_the_composition_fits_its_schema() -> None:
    """Compose's own."""
    checker = Path(sys.executable).with_name("check-jsonschema")
    ran = _run(str(checker), "--builtin-schema", "vendor.compose-spec", "config/docker-compose.yml")
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_who_is_in_it() -> None:
    """App, daemon, Prometheus, Grafana, Tempo, Loki and a collector, each of an image with a version."""
    assert SERVICES.keys() >= {"shop", "daemon", "prometheus", "grafana", "tempo", "loki", "collector"}
    for name, service in SERVICES.items():
        assert re.fullmatch(r"[\w./-]+:(local|v?\d+\.\d+[\w.]*)", service["image"]), name
        assert ("build" in service) == service["image"].endswith(":local")
        if "build" in service:
            assert service["build"]["target"] in _stages()
            assert (CONFIG / service["build"]["context"] / "Dockerfile").exists()


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_more_than_it_needs(name: str) -> None:
    """No capability, no new privileges, nothing to write on but volumes, only the host's loopback."""
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert service["read_only"] is (name != "prometheus")
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_what_is_mounted_is_there() -> None:
    """Every file and every volume."""
    for name, service in SERVICES.items():
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            if source.startswith("."):
                assert (CONFIG / source).exists(), f"{name}: {source}"
                assert mount.endswith(":ro")
            else:
                assert source in COMPOSE["volumes"], f"{name}: {source}"
    shown = {Path(mount.split(":")[0]).name for mount in SERVICES["grafana"]["volumes"] if "dashboards/" in mount}
    assert shown == {path.name for path in (ROOT / "dashboards").glob("*.json")}


def test_secrets_come_from_outside() -> None:
    """And starting without them says which."""
    text = (CONFIG / "docker-compose.yml").read_text(encoding="utf-8")
    for key, value in re.findall(r"^\s*(\w*(?:TOKEN|PASSWORD)\w*): (.+)$", text, re.MULTILINE):
        assert re.fullmatch(r"\$\{\w+:\?.+\}", value), key


def test_who_waits_for_whom() -> None:
    """Only what has a health check can be waited for to be healthy."""
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            checked = "healthcheck" in SERVICES[other] or SERVICES[other].get("build", {}).get("target") in _stages()
            assert how["condition"] == "service_started" or checked, f"{name} waits for {other}"


def test_who_shares_a_network_starts_again_with_it() -> None:
    """A container that is started again has another network: what lived in the old one reaches nobody."""
    sharing = {name: service["network_mode"] for name, service in SERVICES.items() if "network_mode" in service}
    assert sharing == {"page": "service:daemon"}
    assert SERVICES["page"]["depends_on"]["daemon"]["restart"] is True


def test_nobody_reports_to_a_vendor() -> None:
    """Grafana, Loki and Tempo do, unless they are told not to."""
    loki, tempo = (yaml.safe_load((CONFIG / f"containers/{name}.yaml").read_text()) for name in ("loki", "tempo"))
    assert SERVICES["grafana"]["environment"]["GF_ANALYTICS_REPORTING_ENABLED"] == "false"
    assert loki["analytics"]["reporting_enabled"] is False
    assert tempo["usage_report"]["reporting_enabled"] is False


def test_addresses_name_services() -> None:
    """Everybody speaks to somebody who is there."""
    files = [
        "docker-compose.yml",
        "otel-collector.yaml",
        *(f"containers/{p.name}" for p in (CONFIG / "containers").iterdir()),
    ]
    for file in files:
        for host in re.findall(
            r"(?:http://|\[\"|endpoint: )([a-z]+):\d{4}", (CONFIG / file).read_text(encoding="utf-8")
        ):
            assert host in SERVICES, f"{file}: {host}"


# What they are configured with -----------------------------------------------------------------------------------


def test_prometheus_is_configured_as_elsewhere(tmp_path: Path) -> None:
    """config/prometheus.yml, but for where things are; and Prometheus takes it."""
    inside = yaml.safe_load((CONFIG / "containers/prometheus.yml").read_text(encoding="utf-8"))
    outside = yaml.safe_load((CONFIG / "prometheus.yml").read_text(encoding="utf-8"))
    assert inside["global"] == outside["global"]
    assert [Path(file).name for file in inside["rule_files"]] == list(RULE_FILES)
    theirs = {job["job_name"]: job for job in outside["scrape_configs"]}
    for job in inside["scrape_configs"]:
        other = theirs[job["job_name"]]
        assert job.get("honor_labels") == other.get("honor_labels")
        assert job["static_configs"][0]["labels"] == other["static_configs"][0]["labels"]
    [receiver], [other] = inside["alerting"]["alertmanagers"], outside["alerting"]["alertmanagers"]
    assert receiver["path_prefix"] == other["path_prefix"]
    promtool = require_binary("promtool", "prometheus")
    ran = _run(promtool, "check", "config", "--syntax-only", str(CONFIG / "containers/prometheus.yml"))
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_collector_pipelines() -> None:
    """What is declared is used and the other way round; the memory limit comes first and the batch last."""
    pipelines = COLLECTOR["service"]["pipelines"]
    for kind in ("receivers", "processors", "exporters"):
        used = {name for pipeline in pipelines.values() for name in pipeline[kind]}
        assert used == COLLECTOR[kind].keys(), kind
    assert set(COLLECTOR["service"]["extensions"]) == COLLECTOR["extensions"].keys()
    for pipeline in pipelines.values():
        assert (pipeline["processors"][0], pipeline["processors"][-1]) == ("memory_limiter", "batch")
    known = {
        "otlp", "fluentforward", "memory_limiter", "attributes", "tail_sampling", "groupbyattrs", "batch", "otlphttp",
        "health_check",
    }  # fmt: skip
    named = {
        name.split("/")[0]
        for kind in ("receivers", "processors", "exporters", "extensions")
        for name in COLLECTOR[kind]
    }
    assert named == known


def test_the_collector_keeps_what_is_slow() -> None:
    """By the same two seconds as the alert and the dashboards; and what failed."""
    policies = {one["type"]: one for one in COLLECTOR["processors"]["tail_sampling"]["policies"]}
    assert policies["latency"]["latency"]["threshold_ms"] == SLOW_SECONDS * 1000
    assert policies["status_code"]["status_code"]["status_codes"] == ["ERROR"]


def test_the_daemons_configuration() -> None:
    """`saasobs validate` has nothing to say, once the secret is there; and asks for it, when it is not."""
    words = (sys.executable, "-m", "saasobs", "validate", "config/containers/saasobs.yaml")
    assert _run(*words, env={**os.environ, "SAASOBS_ALERTS_TOKEN": "t"}).returncode == 0
    ran = _run(*words, env={key: value for key, value in os.environ.items() if key != "SAASOBS_ALERTS_TOKEN"})
    assert ran.returncode == 2
    assert "SAASOBS_ALERTS_TOKEN" in ran.stderr + ran.stdout


# What can be run without an engine -------------------------------------------------------------------------------


@contextmanager
def _running(words: list[str], environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        words, cwd=ROOT, env={**os.environ, **environ}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


def _health(stage: str, ports: dict[str, str]) -> bool:
    """What HEALTHCHECK runs, on other ports."""
    words: list[str] = json.loads(_instruction(stage, "HEALTHCHECK").split(" CMD ")[1])
    assert words[0] == "/opt/saasobs/bin/python"
    code = words[2]
    for given, free in ports.items():
        assert given in code
        code = code.replace(given, free)
    return _run(sys.executable, *words[1:2], code).returncode == 0


@pytest.mark.slow
def test_the_daemons_entry_point_and_health_check(tmp_path: Path) -> None:
    """With the configuration of the image: it gets healthy, stops cleanly on SIGTERM, and then is not healthy."""
    ports = {"9111": str(free_port())}
    text = (CONFIG / "containers/saasobs.yaml").read_text(encoding="utf-8")
    text = text.replace("/var/lib/saasobs/", f"{tmp_path}/").replace("0.0.0.0:9111", f"127.0.0.1:{ports['9111']}")
    (tmp_path / "saasobs.yaml").write_text(text.replace('127.0.0.1:9110",', '127.0.0.1:0",'), encoding="utf-8")
    entry = json.loads(_instruction("daemon", "ENTRYPOINT")) + json.loads(_instruction("daemon", "CMD"))
    assert entry == ["/opt/saasobs/bin/saasobs", "serve"]
    environ = {"SAASOBS_CONFIG": str(tmp_path / "saasobs.yaml"), "SAASOBS_ALERTS_TOKEN": "t"}
    with _running([sys.executable, "-m", "saasobs", *entry[1:]], environ) as process:
        wait_until(lambda: _health("daemon", ports), 90)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert not _health("daemon", ports)


@pytest.mark.slow
def test_the_shops_entry_point_and_health_check(tmp_path: Path) -> None:
    """The same for the example."""
    ports = {"8099": str(free_port())}
    entry = json.loads(_instruction("shop", "ENTRYPOINT")) + json.loads(_instruction("shop", "CMD"))
    words = [word.replace("/var/lib/shop", str(tmp_path)).replace("0.0.0.0", "127.0.0.1") for word in entry[1:]]
    with _running([sys.executable, *words, "--port", ports["8099"]], {}) as process:
        wait_until(lambda: _health("shop", ports), 90)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in {0, -signal.SIGTERM}


# systemd ---------------------------------------------------------------------------------------------------------


def test_the_unit(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say, and the daemon is shut in."""
    analyze = require_binary("systemd-analyze", "systemd")
    text = (CONFIG / "systemd/saasobs.service").read_text(encoding="utf-8")
    unit = tmp_path / "saasobs.service"
    unit.write_text(text.replace("/opt/saasobs/bin/saasobs", shlex.quote(sys.executable)), encoding="utf-8")
    ran = _run(analyze, "verify", "--man=no", str(unit))
    assert ran.returncode == 0, ran.stderr
    assert "saasobs.service" not in ran.stderr
    exposed = _run(analyze, "security", "--offline=true", str(unit)).stdout
    assert float(re.search(r"exposure level for \S+: ([\d.]+)", exposed)[1]) <= 2.0  # type: ignore[index]


def test_the_unit_speaks_the_daemons_language() -> None:
    """What it calls exists; what it must not start again is what `serve` says of a bad configuration."""
    text = (CONFIG / "systemd/saasobs.service").read_text(encoding="utf-8")
    [command] = re.findall(r"^ExecStart=/opt/saasobs/bin/saasobs (.+)$", text, re.MULTILINE)
    from saasobs.cli.main import parser

    assert parser().parse_args(shlex.split(command)).config == Path("/etc/saasobs/saasobs.yaml")
    assert "RestartPreventExitStatus=2" in text
