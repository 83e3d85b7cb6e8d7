"""The program as a person or a script runs it: a process with its own arguments, streams, signals and exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from saasobs.cli.command import Exit
from support.target import Target

GOOD = """\
monitors:
  - {{name: api, kind: http, url: "{url}/health", expect: {{status: 200, json: {{"$.status": ok}}}}}}
  - {{name: shop/check out, kind: http, url: "{url}/checkout"}}
  - {{name: nightly, kind: heartbeat, period: 1h, grace: 5m}}
"""
BARE = {name: value for name, value in os.environ.items() if not name.startswith("SAASOBS_")}


def run(*words: str, cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "saasobs", *words]
    return subprocess.run(
        command, cwd=cwd, env={**BARE, **environ}, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "saasobs.yaml"
    path.write_text(GOOD.format(url="http://127.0.0.1:9"))
    return path


def test_the_console_script() -> None:
    """`saasobs` and `python -m saasobs` are the same program."""
    script = Path(sys.executable).with_name("saasobs")
    told = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert told.stdout == run("--version").stdout


def test_nothing_asked() -> None:
    """Without a command it says how to use it, and fails as wrong usage."""
    told = run()
    assert (told.returncode, "usage: saasobs" in told.stderr) == (Exit.USAGE, True)


def test_validate_of_a_good_file(config: Path) -> None:
    """The summary counts what there is; the usual place is found without being named."""
    told = run("validate", cwd=config.parent)
    assert (told.returncode, told.stderr) == (Exit.OK, "")
    assert told.stdout == "saasobs.yaml: ok (3 monitors, 1 channel, 1 policy)\n"


def test_validate_tells_every_fault_at_once(tmp_path: Path) -> None:
    """Each fault is one line on stderr as file:line: path: message, and stdout stays empty."""
    (tmp_path / "bad.yaml").write_text("monitors:\n  - {name: a, kind: http, url: nope, timout: 5s}\n  - {name: a}\n")
    told = run("validate", "bad.yaml", cwd=tmp_path)
    assert (told.returncode, told.stdout) == (Exit.USAGE, "")
    lines = told.stderr.splitlines()
    assert len(lines) >= 4
    assert all(line.startswith(("bad.yaml:2: monitors[0].", "bad.yaml:3: monitors[1]")) for line in lines[:-1])
    assert lines[-1] == f"bad.yaml: {len(lines) - 1} faults"


def test_validate_for_machines(tmp_path: Path, config: Path) -> None:
    """--json has the faults of every file with their places."""
    (tmp_path / "bad.yaml").write_text("monitor: []\n")
    told = run("validate", "bad.yaml", str(config), "--json", cwd=tmp_path)
    answer = json.loads(told.stdout)
    assert (told.returncode, answer["valid"]) == (Exit.USAGE, False)
    assert [file["valid"] for file in answer["files"]] == [False, True]
    assert {"file", "line", "path", "message"} == set(answer["files"][0]["faults"][0])


def test_validate_never_shows_a_secret(tmp_path: Path) -> None:
    """A value from the environment is in no fault."""
    (tmp_path / "s.yaml").write_text("monitors:\n  - {name: a, kind: http, url: 'ftp://x:${PASSWORD}@h/'}\n")
    told = run("validate", "s.yaml", cwd=tmp_path, PASSWORD="hunter2hunter2")
    assert told.returncode == Exit.USAGE
    assert "hunter2" not in told.stdout + told.stderr


def test_a_missing_file(tmp_path: Path) -> None:
    """Named in one line, without a trace."""
    told = run("validate", "none.yaml", cwd=tmp_path)
    assert told.returncode == Exit.USAGE
    assert told.stderr.startswith("none.yaml: cannot be read: No such file")


def test_no_configuration_anywhere(tmp_path: Path) -> None:
    """Every command that needs one says where it looked."""
    for words in (["validate"], ["status"], ["serve"], ["check", "api"]):
        told = run(*words, cwd=tmp_path)
        assert told.returncode == Exit.USAGE
        assert told.stderr.startswith("saasobs: no configuration: ")


def test_schema() -> None:
    """A JSON Schema that knows the monitors."""
    schema = json.loads(run("schema").stdout)
    assert "monitors" in schema["properties"]


def test_check_of_a_url_needs_nothing(tmp_path: Path) -> None:
    """A bare URL is checked and drawn without any configuration; the exit code is the verdict."""
    with Target() as target:
        good = run("check", f"{target.url}/health", cwd=tmp_path)
        target.set("/broken", 500)
        bad = run("check", f"{target.url}/broken", cwd=tmp_path)
    assert (good.returncode, good.stderr) == (Exit.OK, "")
    assert good.stdout.startswith(f"UP  {target.url}/health  in ")
    assert "  first byte" in good.stdout
    assert "  ok    status  200-299\n" in good.stdout
    assert bad.returncode == Exit.FAILED
    assert "  FAIL  status  expected 200-299, seen 500\n" in bad.stdout


def test_check_for_machines() -> None:
    """--json has the API's shape of a result."""
    with Target() as target:
        result = json.loads(run("check", target.url, "--json").stdout)
    assert (result["outcome"], result["observations"]["status"]) == ("up", 200)
    assert "first_byte" in result["phases_seconds"]


def test_check_of_a_configured_monitor(tmp_path: Path) -> None:
    """A name, also one with spaces and slashes, is looked up, and its expectations are judged."""
    with Target() as target:
        (tmp_path / "saasobs.yaml").write_text(GOOD.format(url=target.url))
        told = run("check", "api", cwd=tmp_path)
        other = run("check", "shop/check out", cwd=tmp_path)
    assert (told.returncode, other.returncode) == (Exit.OK, Exit.OK)
    assert '  ok    json $.status  "ok"\n' in told.stdout


def test_check_when_nothing_listens(config: Path) -> None:
    """A refused connection is an answer too: down, with the reason in words."""
    told = run("check", "api", "--config", str(config))
    assert told.returncode == Exit.FAILED
    assert told.stdout.startswith("DOWN  http://127.0.0.1:9/health")
    assert "  ok  " not in told.stdout


@pytest.mark.parametrize(
    ("target", "hint"),
    [
        ("apii", "did you mean 'api'?"),
        ("example.com", "https://example.com"),
        ("ftp://h/", "http"),
        ("http://", "host"),
    ],
)
def test_check_of_what_is_not_there(config: Path, target: str, hint: str) -> None:
    """A wrong name or URL says what may have been meant."""
    told = run("check", target, "--config", str(config))
    assert (told.returncode, told.stdout) == (Exit.USAGE, "")
    assert hint in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize("words", [["status"], ["incidents"], ["ack", "7f"], ["pause", "api"], ["check", "nightly"]])
def test_no_daemon(config: Path, words: list[str]) -> None:
    """What needs the daemon says that none runs, how to start it, and exits with 3."""
    told = run(*words, "--config", str(config), cwd=config.parent)
    assert (told.returncode, told.stdout) == (Exit.NO_DAEMON, "")
    assert f"start it with `saasobs serve --config {config}`" in told.stderr


@pytest.mark.parametrize("missing", ["pydantic", "httpx", "rich", "yaml"])
def test_a_plain_install_says_what_to_install(missing: str) -> None:
    """Without the daemon's dependencies a command asks for them instead of showing an ImportError."""
    hide = f"import sys; sys.modules[{missing!r}] = None; sys.argv[1:] = ['status']"
    code = f"{hide}; from saasobs.__main__ import main; sys.exit(main())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert told.returncode == Exit.USAGE
    assert told.stderr.startswith("saasobs: this command needs the daemon: pip install 'saasobs[daemon]'")


def test_help_needs_no_extra() -> None:
    """`--help` works in a plain install, and loads none of the daemon's dependencies."""
    code = (
        "import sys\n"
        "from saasobs.cli.main import parser\n"
        "parser().format_help()\n"
        "print({'pydantic', 'httpx', 'rich', 'yaml', 'sqlalchemy', 'pycurl'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "set()\n"


def test_ctrl_c_is_quiet() -> None:
    """Ctrl-C ends a check that hangs with 130 and not a word."""
    with Target() as target:
        target.delays["/slow"] = 8
        command = [sys.executable, "-m", "saasobs", "check", f"{target.url}/slow"]
        process = subprocess.Popen(command, env=BARE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while not target.requests:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (Exit.INTERRUPTED, b"", b"")


def test_a_reader_that_leaves_is_no_error() -> None:
    """`saasobs schema | head -1` is quiet."""
    process = subprocess.Popen(
        [sys.executable, "-m", "saasobs", "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    told = process.stderr.read()
    assert (process.wait(30), told) == (Exit.BROKEN_PIPE, b"")
    process.stderr.close()


def test_names_print_in_any_locale(tmp_path: Path) -> None:
    """Where the terminal cannot show a letter it is escaped, not an error."""
    (tmp_path / "saasobs.yaml").write_text("monitors:\n  - {name: a, kind: http, url: http://h/, ñandú: 1}\n")
    told = run("validate", cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert told.returncode == Exit.USAGE
    assert r"\xf1and\xfa" in told.stderr
