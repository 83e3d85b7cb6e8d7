"""Metrics that are exported and documented, and on no dashboard and in no rule: for exploration, and why."""

from __future__ import annotations

from typing import Final

EXPLORATION: Final = {
    "probe_dns_lookup_time_seconds": "the phase `resolve` has it",
    "probe_http_redirects": "for dashboards of blackbox_exporter",
    "probe_http_ssl": "for dashboards of blackbox_exporter",
    "probe_http_status_code": "for dashboards of blackbox_exporter",
    "probe_http_uncompressed_body_length": "for dashboards of blackbox_exporter",
    "probe_http_version": "for dashboards of blackbox_exporter",
    "saasobs_alerts_received_total": "a rate of reports says little: the ones that fire are shown",
    "saasobs_channel_cap_used_ratio": "only with caps",
    "saasobs_config_last_reload_success_timestamp_seconds": "whether it was taken is shown",
    "saasobs_listener_connected": "only with channels that listen",
    "saasobs_monitor_paused": "the page of the daemon shows it",
    "saasobs_own_heartbeats_total": "only with a heartbeat of its own",
    "saasobs_presses_total": "answers are shown",
    "saasobs_receipts_total": "only with providers that say what came of a message",
    "saasobs_storage_errors_total": "storage_up is shown",
    "saasobs_workers": "only of apps with several processes",
}
