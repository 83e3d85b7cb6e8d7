"""The alerts in English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from saasobs.rules.texts.text import Text

ENGLISH: Final[Mapping[str, Text]] = {
    "SaasobsErrorBudgetBurnFast": Text(
        "{{ $labels.service }} burns its error budget: {{ $value | humanizePercentage }} of requests fail",
        "At this rate two percent of a month's error budget are gone within the hour. Look which route fails,"
        " and what was deployed last.",
    ),
    "SaasobsErrorBudgetBurnMedium": Text(
        "{{ $labels.service }} burns its error budget for hours: {{ $value | humanizePercentage }} of requests fail",
        "Five percent of a month's error budget within six hours: slower than an outage, and not over by itself.",
    ),
    "SaasobsErrorBudgetBurnSlow": Text(
        "{{ $labels.service }} will spend its error budget: {{ $value | humanizePercentage }} of requests "
        "fail for days",
        "At this rate nothing is left of the month's error budget at its end. It can wait for the morning, "
        "not for next week.",
    ),
    "SaasobsLatencyBudgetBurnFast": Text(
        "{{ $labels.service }} is slow: {{ $value | humanizePercentage }} of requests take over 2 s",
        "Users notice from two seconds on. Look at the slowest routes, the share of time in the database, and"
        " the pools.",
    ),
    "SaasobsRouteP95High": Text(
        "{{ $labels.service }} {{ $labels.http_route }}: p95 over 2 s, {{ $value | humanizePercentage }} of "
        "requests are slower",
        "More than one request in twenty takes over two seconds, with enough of them to say so.",
    ),
    "SaasobsCriticalRouteP95High": Text(
        "{{ $labels.service }} {{ $labels.http_route }} is critical and slow: p95 over 2 s",
        "{{ $value | humanizePercentage }} of the requests to a route that the team calls critical take over "
        "two seconds: users are giving up now.",
    ),
    "SaasobsHttp5xxRatioHigh": Text(
        "{{ $labels.service }} {{ $labels.http_route }}: {{ $value | humanizePercentage }} of requests fail",
        "Answers of 5xx over the last five minutes. The error reports of this route say which exception.",
    ),
    "SaasobsTrafficDropped": Text(
        "{{ $labels.service }} gets far fewer requests than a week ago",
        "Less than a fifth of the same hour last week. What does not arrive does not fail: look at DNS, the "
        "load balancer, the front end and a log-in that no longer works.",
    ),
    "SaasobsTenantErrors": Text(
        "{{ $labels.service }}: {{ $value | humanizePercentage }} of tenant {{ $labels.tenant }}'s requests fail",
        "One tenant of several, or all? The dashboard says. If it is one: their data, their plan, their last change.",
    ),
    "SaasobsTargetDown": Text(
        "{{ $labels.service }} on {{ $labels.instance }} gives no metrics",
        "Prometheus cannot scrape it: the process is gone, hangs, or cannot be reached.",
    ),
    "SaasobsServiceVanished": Text(
        "{{ $labels.service }} was there an hour ago and reports nothing now",
        "No instance of it is among the targets any more: an undone deployment, a renamed service, or service"
        " discovery that lost it.",
    ),
    "SaasobsMetricsAbsent": Text(
        "no service reports any metrics",
        "Prometheus has no saasobs_build_info at all: nothing of what these rules watch is known.",
    ),
    "SaasobsCertificateExpiring": Text(
        '{{ $labels.monitor }}: the certificate expires in {{ $value | printf "%.0f" }} days',
        "Renewals that run by themselves have mostly happened by now: find out why this one has not.",
    ),
    "SaasobsCertificateExpiringNow": Text(
        '{{ $labels.monitor }}: the certificate expires in {{ $value | printf "%.0f" }} days, renew it now',
        "When it has expired, browsers and apps refuse the connection.",
    ),
    "SaasobsQueriesPerRequestHigh": Text(
        "{{ $labels.service }} {{ $labels.http_route }}: {{ $value | humanizePercentage }} of requests make "
        "more than 20 queries",
        "A list that asks once for every row, mostly. The log event queries.n_plus_one names the line of code.",
    ),
    "SaasobsNPlusOne": Text(
        "{{ $labels.service }} {{ $labels.operation }}: the same query again and again",
        "One statement is repeated from one place in the code. The log event queries.n_plus_one has the "
        "statement, the place and an advice.",
    ),
    "SaasobsDbPoolNearlyFull": Text(
        "{{ $labels.service }}: {{ $value | humanizePercentage }} of the connections of {{ "
        "$labels.db_client_connection_pool_name }} are in use",
        "The next peak waits for connections. Look for slow queries and for transactions that are left open.",
    ),
    "SaasobsDbPoolExhausted": Text(
        "{{ $labels.service }}: requests get no connection of {{ $labels.db_client_connection_pool_name }}",
        "Requests fail because every connection is taken for longer than they may wait.",
    ),
    "SaasobsPostgresConnectionsHigh": Text(
        "PostgreSQL {{ $labels.instance }}: {{ $value | humanizePercentage }} of its connections are taken",
        "At max_connections nobody gets in any more, not even to look. Add up the pools of all processes.",
    ),
    "SaasobsRedisMemoryHigh": Text(
        "Redis {{ $labels.instance }}: {{ $value | humanizePercentage }} of its memory is used",
        "At maxmemory it refuses writes, or evicts what has a lifetime, depending on maxmemory-policy: queues and"
        " sessions stop in the one way, and are lost in the other.",
    ),
    "SaasobsQueueLag": Text(
        "{{ $labels.service }} {{ $labels.task }}: tasks wait more than 5 minutes",
        "{{ $value | humanizePercentage }} of the tasks that began in the last ten minutes had waited longer."
        " Too few workers, one that hangs, or a flood.",
    ),
    "SaasobsQueueStalled": Text(
        "{{ $labels.service }} {{ $labels.task }}: tasks are sent, and nobody begins them",
        "{{ $value | humanize }} sent within an hour wait, and none has begun for ten minutes: no worker is at work,"
        " or all of them hang.",
    ),
    "SaasobsTasksFailing": Text(
        "{{ $labels.service }} {{ $labels.task }}: {{ $value | humanizePercentage }} of its runs fail",
        "Over the last half hour. Each failure is an error report; tries that are repeated are not among them.",
    ),
    "SaasobsChecksStale": Text(
        "saasobs on {{ $labels.instance }} runs no checks",
        "It answers Prometheus and has not finished a check for ten minutes: nothing is watched.",
    ),
    "SaasobsChecksLate": Text(
        "saasobs on {{ $labels.instance }} is late: {{ $value | humanizePercentage }} of checks start over 5 "
        "s after their time",
        "The machine is too busy, or there are too many checks for it.",
    ),
    "SaasobsNotifierFailing": Text(
        "saasobs cannot deliver over {{ $labels.channel }}",
        "Several tries in ten minutes and none that worked. Whoever is told over this channel hears nothing: "
        "tell them in another way.",
    ),
    "SaasobsOutboxStuck": Text(
        "saasobs: a notice for {{ $labels.channel }} waits since {{ $value | humanizeDuration }}",
        "It is due and not delivered. The daemon's log says why, in notice.not_sent.",
    ),
    "SaasobsStorageDown": Text(
        "saasobs on {{ $labels.instance }} cannot write its database",
        "Checks go on, incidents wait in memory, and a restart now loses them. Look at the disk first.",
    ),
    "SaasobsConfigurationRefused": Text(
        "saasobs on {{ $labels.instance }} runs on an old configuration",
        "The file has mistakes: saasobs validate names them, with their lines.",
    ),
    "SaasobsPrometheusNotificationsFailing": Text(
        "Prometheus {{ $labels.instance }} cannot hand over its alerts",
        "Alerts fire and nobody hears of them: the Alertmanager, or the daemon in its place, refuses or "
        "cannot be reached.",
    ),
    "SaasobsRuleEvaluationFailing": Text(
        "Prometheus {{ $labels.instance }} cannot evaluate {{ $labels.rule_group }}",
        "Alerts of that group cannot fire. Prometheus' log and its page Status, Rules, say why.",
    ),
    "Watchdog": Text(
        "alerts arrive",
        "It always fires. Whoever receives it calls people when it stops: then Prometheus, or the way from "
        "it, is broken.",
    ),
}
