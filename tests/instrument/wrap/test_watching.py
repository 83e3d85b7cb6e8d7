"""What stands in every process below `saasobs wrap`: it costs next to nothing, waits, and is not in anybody's way."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from saasobs.instrument.wrap import hooks, watching
from saasobs.instrument.wrap.launch import STARTUP


def run(code: str, *path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code as below `saasobs wrap`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SAASOBS", "COV_"))}
    paths = os.pathsep.join(map(str, (STARTUP, *path)))
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True, text=True, check=False, timeout=60,
        env={**kept, "SAASOBS_WRAP": "1", "PYTHONPATH": paths, **environment},
    )  # fmt: skip


def test_a_process_that_serves_nothing_loads_nothing() -> None:
    """Neither `python -c`, nor one that imports frameworks and servers, loads the instrumentation or touches logs."""
    heavy = "sorted({'wrapt', 'orjson', 'logging', 'saasobs.instrument.installing'} & set(sys.modules))"
    assert run(f"import sys; print({heavy})").stdout == "[]\n"
    code = (
        "import sys, logging, fastapi, flask, django, uvicorn.config, gunicorn.app.base, celery.apps.worker\n"
        "fastapi.FastAPI(), flask.Flask('shop')\n"
        "print('saasobs.instrument.installing' in sys.modules, logging.getLogger().handlers)"
    )
    assert run(code).stdout == "False []\n"


def test_every_hook_is_there() -> None:
    """Each row names a function of the hooks, and a module that its library has."""
    for module, hook in {**watching.TARGETS, **watching.BEFORE}.items():
        assert callable(getattr(hooks, hook))
        assert find_spec(module) is not None, module


def test_a_module_is_left_as_it_was() -> None:
    """Only looking for a module does not count, and after its import nothing of ours is to be seen on it."""
    code = (
        "import importlib.util, inspect\n"
        "importlib.util.find_spec('flask.app')\n"
        "import flask.app as app\n"
        "print(type(app.__loader__).__name__, type(app.__spec__.loader).__name__, bool(inspect.getsource(app)))\n"
        "print(hasattr(app.Flask.__call__, '__wrapped__'), hasattr(app.Flask.__call__.__wrapped__, '__wrapped__'))"
    )
    assert run(code).stdout == "SourceFileLoader SourceFileLoader True\nTrue False\n"


def test_beside_another_post_import_hook() -> None:
    """A library is hooked once by us and once by whoever else waits for it, in either order."""
    code = (
        "from wrapt import when_imported\n"
        "seen = []\nwhen_imported('flask.app')(lambda module: seen.append(module.__name__))\n"
        "import flask.app\n"
        "print(seen, hasattr(flask.app.Flask.__call__.__wrapped__, '__wrapped__'))"
    )
    assert run(code).stdout == "['flask.app'] False\n"


def test_a_hidden_sitecustomize_runs(tmp_path: Path) -> None:
    """The environment's own `sitecustomize` is run as if we were not there, and is what the name stands for."""
    (tmp_path / "sitecustomize.py").write_text("import os\nMINE = os.getpid()\n")
    told = run("import sitecustomize, os; print(sitecustomize.MINE == os.getpid(), sitecustomize.__file__)", tmp_path)
    assert told.stdout == f"True {tmp_path / 'sitecustomize.py'}\n"


def test_a_hidden_sitecustomize_that_breaks(tmp_path: Path) -> None:
    """Python says so as it would without us, and we are there all the same."""
    (tmp_path / "sitecustomize.py").write_text("raise RuntimeError('mine is broken')\n")
    code = "import sys; print(any(type(each).__name__ == 'Finder' for each in sys.meta_path))"
    told = run(code, tmp_path)
    assert (told.returncode, told.stdout) == (0, "True\n")
    assert "RuntimeError: mine is broken" in told.stderr


def test_a_release_we_do_not_know(tmp_path: Path) -> None:
    """A library that looks different is imported as it is, after one line on stderr."""
    (tmp_path / "flask").mkdir()
    (tmp_path / "flask" / "__init__.py").write_text("")
    (tmp_path / "flask" / "app.py").write_text("NEW = True\n")
    told = run("import flask.app; print(flask.app.NEW)", tmp_path)
    assert (told.returncode, told.stdout) == (0, "True\n")
    assert told.stderr.startswith("saasobs wrap: flask_loaded: AttributeError")
    assert told.stderr.count("\n") == 1


def test_an_instrumentation_that_cannot_start(tmp_path: Path) -> None:
    """What the instrumentation needs is not there: the app answers without it, after a line that says why."""
    (tmp_path / "orjson.py").write_text("raise ImportError('no wheel for this machine')\n")
    code = (
        "import flask\napp = flask.Flask('shop')\napp.get('/x')(lambda: 'done')\n"
        "print(app.test_client().get('/x').text)"
    )
    told = run(code, tmp_path)
    assert (told.returncode, told.stdout) == (0, "done\n")
    assert told.stderr == "saasobs wrap: instrument: ImportError: no wheel for this machine\n"
