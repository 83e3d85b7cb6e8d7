"""The daemon's log events: stable dotted names, each with what it means. docs/logs.md is made from this table.

A name is an interface: people alert on it. A test holds the table against what the code really logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

EVENTS: Final[Mapping[str, str]] = {
    "daemon.started": "The daemon watches. Fields: saasobs_version, monitors, state_dir.",
    "daemon.stopping": "SIGTERM or Ctrl-C: no new checks; what is being sent may finish.",
    "daemon.stopped": "Everything is written and closed.",
    "daemon.stalled": "The process did not get to run for some seconds; heartbeats get grace for it.",
    "clock.stepped": "The wall clock was set, or the machine was suspended. Field: seconds.",
    "config.reloaded": "A changed configuration was taken.",
    "config.reload_refused": "A changed configuration is faulty; the old one goes on. Field: faults.",
    "config.unreadable": "The configuration's file or folder cannot be looked at just now. Field: error.",
    "config.reload_broken": "A reload failed inside the daemon; the old configuration goes on.",
    "daemon.round_broken": "Starting checks failed inside the daemon; the next round goes on.",
    "check.not_judged": "A result could not be judged: a mistake inside the daemon. Field: monitor.",
    "check.broken": "A probe failed inside the daemon; the result is `unknown`, never `down`.",
    "incident.opened": "A confirmed failure. Fields: monitor, incident, status, reason, message.",
    "incident.escalated": "A degraded monitor is down now.",
    "incident.eased": "A monitor that was down is merely degraded now.",
    "incident.recovered": "A confirmed recovery.",
    "incident.reminded": "An open incident is told of again, such as a certificate that now has 7 days left.",
    "incident.acknowledged": "A person took the incident. Field: by.",
    "incident.withdrawn": "A monitor with an open incident was removed or paused; its incident is closed. Field: why.",
    "alerts.held": "Alerts of an incident wait. Fields: monitor, incident, why.",
    "alerts.released": "What had held an incident's alerts is over, and it goes on: it is told now.",
    "flapping.began": "A monitor goes up and down all the time; it is told once. Fields: monitor, incident, outages.",
    "flapping.ended": "It no longer does. Field: why.",
    "maintenance.opened": "A person opened a maintenance window. Fields: window, id, by.",
    "maintenance.closed": "A person ended one. Fields: window, id, by.",
    "maintenance.began": "A maintenance window is open from now on. Fields: window, id.",
    "maintenance.ended": "A maintenance window is over.",
    "monitor.paused": "A person paused a monitor. Field: by.",
    "monitor.resumed": "A person resumed a monitor.",
    "network.cut_off": "No anchor answers: our own network is down and results are `unknown`. Field: anchors.",
    "network.back": "The anchors answer again. Field: seconds.",
    "network.anchor_broken": "Asking an anchor failed inside the daemon; it counts as unanswered. Field: anchor.",
    "network.round_broken": "Judging by the anchors failed inside the daemon; what waited is judged as it came.",
    "notice.sent": "A message was accepted by its provider. Fields: channel, delivery, incident (or group, and"
    " how many of its incidents are told), changes, late_us.",
    "notice.not_sent": "A provider did not take a message. Fields: channel, delivery, incident (or group), error,"
    " permanent.",
    "notice.undeliverable": "A notice failed for good and its channel has no fallback.",
    "outbox.taken_over": "Notices that an earlier run was sending are sent by this one.",
    "outbox.channel_removed": "Notices of a channel that is no longer configured were suppressed. Field: notices.",
    "outbox.not_settled": "What came of a delivery could not be written down: a mistake inside the daemon.",
    "clock.set_back": "Moments that lay ahead were moved back with the wall clock. Field: seconds.",
    "outbox.channel_broken": "A channel failed inside the daemon; its notices are tried again.",
    "outbox.claim_broken": "Looking for what is owed failed inside the daemon; it is tried again.",
    "outbox.incident_missing": "A notice has no incident: the database was damaged.",
    "outbox.lease_kept": "Stopped with a broken store; the leases run out by themselves.",
    "storage.failed": "The database cannot be written. Fields: kind, error, waiting. No monitor turns down for it.",
    "storage.mended": "The database takes writes again; what waited is written.",
    "ledger.refused": "One result or piece of work cannot be written, now or ever, and was dropped.",
    "ledger.left_behind": "Stopped with a broken store; so much was not written.",
    "calendar.rolled_up": "Results were folded into hourly and daily roll-ups.",
    "calendar.pruned": "Results past their retention were deleted.",
    "calendar.postponed": "Calendar work waits for the database.",
    "calendar.job_broken": "Calendar work failed inside the daemon; it comes round again.",
    "own_heartbeat.failed": "The daemon's own heartbeat was not taken.",
    "own_heartbeat.withheld": "The daemon is not well, so its own heartbeat is silent: silence is the alarm.",
}
