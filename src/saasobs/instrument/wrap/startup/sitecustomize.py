"""Imported by `site` in every Python process below `saasobs wrap`, before the app. It must cost next to nothing.

Python takes one `sitecustomize` only, the first on its path: the one that ours has hidden is run after it.
"""

import os
import sys


def _watch() -> None:
    try:
        from saasobs.instrument.wrap.watching import watch  # noqa: PLC0415 - it may not be there
    except ImportError as error:
        if os.environ.get("SAASOBS_WRAP") == str(os.getpid()):  # the command itself: said once, not by its children
            problem = f"{sys.executable} cannot import saasobs ({error}): what it runs is not instrumented"
            sys.stderr.write(f"saasobs wrap: {problem}\n")
    else:
        watch()


def _run_the_hidden_one() -> None:
    from importlib.machinery import PathFinder  # noqa: PLC0415 - as above
    from importlib.util import module_from_spec  # noqa: PLC0415

    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib is not loaded yet
    others = [folder for folder in sys.path if os.path.abspath(folder) != here]  # noqa: PTH100
    spec = PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


try:
    if os.environ.get("SAASOBS_WRAP"):
        _watch()
finally:
    _run_the_hidden_one()
