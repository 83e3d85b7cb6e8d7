"""`python -m examples.shop serve` starts the shop, `… break failing|slow|chatty|off` breaks and mends a running one."""

from __future__ import annotations

import argparse
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

import saasobs

HOST = "127.0.0.1"
PORT = 8099
MODES = ("slow", "failing", "chatty", "off")


def main(arguments: list[str] | None = None) -> int:
    """0 done, 1 the shop did not answer, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    if options.command == "break":
        return throw_switch(options.port, options.mode)
    return serve(options.host, options.port, options.database)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.shop", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="serve | break")
    start = commands.add_parser("serve", help="start the shop")
    start.add_argument("--host", default=HOST, help="the address to listen on; 0.0.0.0 in a container (%(default)s)")
    start.add_argument("--database", type=Path, default=Path("var/shop.db"), help="its SQLite file (%(default)s)")
    switch = commands.add_parser("break", help="make a running shop slow, failing or chatty; off mends it")
    switch.add_argument("mode", choices=MODES)
    for command in (start, switch):
        command.add_argument("--port", type=int, default=PORT, help="(%(default)s)")
    return parser


def throw_switch(port: int, mode: str) -> int:
    """Ask a running shop to break or to mend."""
    request = urllib.request.Request(f"http://{HOST}:{port}/break/{mode}", method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback: a proxy could not reach it
    try:
        with opener.open(request, timeout=10) as response:
            print(f"Done: {json.load(response)['effect']}.")
    except (urllib.error.URLError, OSError) as error:
        print(f"The shop does not answer on port {port} ({error}): is `make run` running?", file=sys.stderr)
        return 1
    return 0


def serve(host: str, port: int, database: Path) -> int:
    """Run until SIGTERM or SIGINT."""
    import uvicorn  # noqa: PLC0415 - throwing the switch needs none of it, and should take no time

    from examples.shop.app import create_app  # noqa: PLC0415

    app = saasobs.instrument(create_app(database), service="shop")
    uvicorn.run(app, host=host, port=port, log_config=None, access_log=False, timeout_graceful_shutdown=2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
