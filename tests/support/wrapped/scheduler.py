"""An APScheduler that is all its process does: it runs one job and ends."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from apscheduler.schedulers.blocking import BlockingScheduler

scheduler = BlockingScheduler()


@scheduler.scheduled_job("interval", hours=24, next_run_time=datetime.now(UTC), misfire_grace_time=60, id="nightly")
def nightly() -> None:
    logging.getLogger("shop").info("invoice made")
    scheduler.shutdown(wait=False)


if __name__ == "__main__":
    scheduler.start()
