"""How `saasobs wrap` becomes a command, and what it says when it cannot."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from saasobs.cli.command import Exit
from saasobs.instrument.config import SETTINGS
from saasobs.instrument.wrap.launch import STARTUP, deaf_option, environment_for, obstacle, shebang
from support.needs import missing

DAEMON = (
    *("alembic", "apscheduler", "httpx", "jinja2", "pycurl", "pydantic", "rich", "slack_sdk", "sqlalchemy"),
    *("starlette", "uvicorn", "websockets", "yaml"),
)
REFUSING = f"""\
import sys
class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {DAEMON}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Refusing())
"""


def wrap(*words: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SAASOBS", "PYTHONPATH"))}
    return subprocess.run(
        [sys.executable, "-m", "saasobs", "wrap", *words],
        capture_output=True, text=True, check=False, timeout=60, input=stdin, env={**kept, **environment},
    )  # fmt: skip


def test_streams_and_exit_code_are_the_commands() -> None:
    """What it reads, writes and ends with is what the script reads, writes and ends with; its logs are its own."""
    code = "import logging, sys; print(sys.stdin.read()); logging.warning('mine'); sys.exit(3)"
    told = wrap("--", sys.executable, "-c", code, stdin="hello")
    assert (told.returncode, told.stdout, told.stderr) == (3, "hello\n", "WARNING:root:mine\n")


def test_an_uncaught_exception_is_the_commands() -> None:
    """A script that breaks ends with 1 and its own traceback, with no frame of ours."""
    told = wrap("--", sys.executable, "-c", "1 / 0")
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.endswith("ZeroDivisionError: division by zero\n")
    assert "saasobs" not in told.stderr


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_reach_the_command(how: signal.Signals) -> None:
    """The command has our process number, so whoever supervises us supervises it."""
    code = (
        "import os, signal, sys\n"
        f"signal.signal({int(how)}, lambda *_: sys.exit(40))\nprint(os.getpid(), flush=True)\nsignal.pause()"
    )
    words = [sys.executable, "-m", "saasobs", "wrap", "--", sys.executable, "-c", code]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) == process.pid
        process.send_signal(how)
        assert process.wait(30) == 40


def test_a_pipe_that_closes_ends_other_programs() -> None:
    """SIGPIPE, which Python ignores, is as the command would have had it without us."""
    assert wrap("--", "sh", "-c", "yes | head -1; kill -PIPE $$").returncode == -signal.SIGPIPE


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], Exit.USAGE, "saasobs: nothing to run; say what after two dashes: `saasobs wrap -- gunicorn shop.wsgi`"),
        (["--"], Exit.USAGE, "saasobs: nothing to run"),
        (["--service", "shop"], Exit.USAGE, "saasobs: nothing to run"),
        (["--max-queries", "many", "--", "true"], Exit.USAGE, "saasobs: --max-queries: 'many' must be a number"),
        (["--sentry-dsn", "s3cret", "--", "true"], Exit.USAGE, "saasobs: --sentry-dsn: it must begin with http"),
        (["--", "no-such-command"], 127, "saasobs wrap: no-such-command: command not found\n"),
        (["--", "/no/such/command"], 127, "saasobs wrap: /no/such/command: command not found\n"),
        (["--", "/etc/passwd"], 126, "saasobs wrap: /etc/passwd: cannot be executed (Permission denied)\n"),
        (["--", "/"], 126, "saasobs wrap: /: cannot be executed (Permission denied)\n"),
        (["--", ""], 127, "saasobs wrap: the command's name is empty\n"),
    ],
)
def test_what_cannot_be_run(words: list[str], code: int, said: str) -> None:
    """One sentence, and the exit code that shells have for it."""
    told = wrap(*words)
    assert (told.returncode, told.stdout) == (code, "")
    assert told.stderr.startswith(said)
    assert "Traceback" not in told.stderr


def test_a_command_beside_us_is_hinted_at() -> None:
    """A program of this environment, whose folder is not in PATH, is named."""
    told = wrap("--", "gunicorn", PATH="/usr/bin:/bin")
    assert told.returncode == 127
    assert f"there is {Path(sys.executable).with_name('gunicorn')}, whose folder is not in PATH" in told.stderr


def test_settings_are_options() -> None:
    """Each option becomes its variable and wins over it; what is not given stays as it was."""
    told = wrap(
        *("--service", "shop", "--trace-sample-ratio=0.5", "env"),
        SAASOBS_SERVICE="other", SAASOBS_VERSION="7", PYTHONPATH="/a:/b",
    )  # fmt: skip
    found = dict(line.split("=", 1) for line in told.stdout.splitlines() if "=" in line)
    assert (found["SAASOBS_SERVICE"], found["SAASOBS_VERSION"]) == ("shop", "7")
    assert found["SAASOBS_TRACE_SAMPLE_RATIO"] == "0.5"
    assert found["PYTHONPATH"] == f"{STARTUP}:/a:/b"


def test_every_setting_with_a_variable_has_an_option() -> None:
    """`--help` has them all."""
    told = wrap("--help")
    ours = [each.field for each in SETTINGS if any(name == f"SAASOBS_{each.field.upper()}" for name in each.variables)]
    assert len(ours) > 30
    assert [name for name in ours if f"--{name.replace('_', '-')}" not in told.stdout] == []


def test_wrapped_twice_is_wrapped_once() -> None:
    """Our folder is on the path once, and first."""
    once = environment_for({"PYTHONPATH": "/a"}, {}, 7)
    assert environment_for(once, {}, 7)["PYTHONPATH"] == f"{STARTUP}{os.pathsep}/a"
    assert once["SAASOBS_WRAP"] == "7"


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("python app.py -I", ""),
        ("python -I app.py", "-I"),
        ("/opt/python3.13t -uE app.py", "-E"),
        ("python3 -W error -S app.py", "-S"),
        ("python3 -Werror -B -sE -m app", "-E"),
        ("python3 -X importtime -m app -S", ""),
        ("python -m app -I", ""),
        ("python -cI", ""),
        ("python -Xdev -c pass", ""),
        ("python --check-hash-based-pycs default", ""),
        ("pypy3 -I", "-I"),
        ("gunicorn -E", ""),
        ("pythonic -I", ""),
        ("python -", ""),
    ],
)
def test_options_that_shut_us_out(command: str, option: str) -> None:
    """They are read as Python reads them."""
    assert deaf_option(command.split())[:2] == option


def test_a_script_that_shuts_us_out(tmp_path: Path) -> None:
    """The first line of a script counts like a command; the app runs all the same, and the warning is said once."""
    script = tmp_path / "serve"
    script.write_text(f"#!{sys.executable} -I\nprint('served')\n")
    script.chmod(0o755)
    assert shebang(script) == [sys.executable, "-I"]
    assert obstacle([str(script)], {}).startswith(f"{script} runs Python with -I")
    told = wrap("--", str(script))
    assert (told.returncode, told.stdout) == (0, "served\n")
    assert told.stderr.count("it ignores the environment, so it is not instrumented") == 1


def test_a_script_whose_interpreter_is_gone(tmp_path: Path) -> None:
    """As after a virtual environment has been moved."""
    script = tmp_path / "serve"
    script.write_text("#!/no/such/python\n")
    script.chmod(0o755)
    told = wrap("--", str(script))
    assert (told.returncode, told.stderr) == (127, f"saasobs wrap: {script}: its interpreter is not there\n")


def test_another_environment_says_so_once() -> None:
    """A command whose Python has no saasobs runs as it would without us, after one line that says why."""
    other = f"/proc/self/cwd/{os.path.relpath(sys.executable)}"
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1)']); sys.exit(5)"
    base = str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")
    if subprocess.run([base, "-c", "import saasobs"], capture_output=True, check=False).returncode == 0:
        missing(f"{base} has saasobs, {other} too")
    told = wrap("--", base, "-c", code)
    assert (told.returncode, told.stdout) == (5, "1\n")
    assert told.stderr.count("cannot import saasobs") == 1


def test_a_plain_install_can_wrap(tmp_path: Path) -> None:
    """With none of the daemon's dependencies: `--help`, and an app that answers with our header and one line."""
    (tmp_path / "sitecustomize.py").write_text(REFUSING)
    (tmp_path / "app.py").write_text(
        "from wsgiref.util import setup_testing_defaults\nfrom flask import Flask\napp = Flask('shop')\n"
        "app.get('/x')(lambda: 'done')\nenviron = {'PATH_INFO': '/x'}\nsetup_testing_defaults(environ)\n"
        "body = app(environ, lambda status, headers: print(dict(headers)['X-Request-ID']))\nlist(body); body.close()\n"
    )
    path = {"PYTHONPATH": str(tmp_path)}
    assert wrap("--help", **path).returncode == 0
    (tmp_path / "sitecustomize.py").write_text(REFUSING.replace("'jinja2', ", ""))  # the app itself needs that one
    told = wrap("--service", "plain", "--", sys.executable, str(tmp_path / "app.py"), **path)
    assert told.returncode == 0, told.stderr
    line, name = sorted(told.stdout.splitlines(), key=lambda each: not each.startswith("{"))
    assert f'"correlation_id":"{name}"' in line
    assert '"service":"plain"' in line


@pytest.mark.parametrize("command", ["status", "serve", "check", "validate"])
def test_a_plain_install_names_the_extra(tmp_path: Path, command: str) -> None:
    """Every other command says in one line what to install."""
    (tmp_path / "sitecustomize.py").write_text(REFUSING)
    words = ["http://127.0.0.1/"] if command == "check" else []
    told = subprocess.run(
        [sys.executable, "-m", "saasobs", command, *words],
        capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert told.returncode == Exit.USAGE
    assert told.stderr.startswith("saasobs: this command needs the daemon: pip install 'saasobs[daemon]' (")
    assert told.stderr.count("\n") == 1
