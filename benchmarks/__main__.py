"""`make bench`: every benchmark in turn. Keep what it prints in RESULTS.md, with the machine and the date."""

from __future__ import annotations

import platform

from benchmarks import alerts, check_cost, kinds, queries, requests, scale, start, storage


def main() -> None:
    print(f"{platform.platform()}, Python {platform.python_version()}")
    check_cost.main()
    kinds.main()
    start.main()
    requests.main()
    queries.main()
    storage.main([])
    alerts.main()
    scale.main([])


if __name__ == "__main__":
    main()
