"""Work outside of requests: queued tasks, scheduled jobs, cron scripts; each run is an operation of its own."""
