"""Every command, its words and its examples, as one literal. What a command does is written in its own file."""

from __future__ import annotations

from pathlib import Path

from saasobs.cli import arguments
from saasobs.cli.command import Command

DEFAULT_CONFIGURATIONS = (Path("saasobs.yaml"), Path("config/saasobs.yaml"))

COMMANDS: tuple[Command, ...] = (
    Command(
        "serve",
        "run the uptime daemon in the foreground",
        "saasobs.cli.serve:serve",
        description="Watch every monitor of the configuration, keep incidents, tell people. Ctrl-C or SIGTERM stops it"
        " cleanly; SIGHUP, or a change of the file, reads the configuration again.",
        examples=(
            "saasobs serve --config config/demo.yaml",
            "SAASOBS_CONFIG=/etc/saasobs saasobs serve  # a folder of files is read as one",
        ),
        options=("config",),
    ),
    Command(
        "check",
        "check one monitor or URL now, and show what was seen",
        "saasobs.cli.check:check",
        description="Run one check in this process, without the daemon and without telling anybody. Phases are drawn as"
        " bars; the certificate and each expectation that failed are shown. The daemon is asked for a"
        " heartbeat, since only it knows the pings. Exit code 0 when up, 1 when not.",
        arguments=arguments.check,
        examples=(
            "saasobs check https://example.com/health  # no configuration needed",
            "saasobs check shop-checkout --config config/demo.yaml",
            "saasobs check https://example.com/health --json",
        ),
    ),
    Command(
        "validate",
        "find every mistake in a configuration",
        "saasobs.cli.configuration:validate",
        description="Read a configuration as `serve` would, and print every fault as file:line: path: message. Without"
        " PATH: --config, $SAASOBS_CONFIG, ./saasobs.yaml or ./config/saasobs.yaml. Exit code 2 when there"
        " is a fault.",
        arguments=arguments.validate,
        examples=("saasobs validate config/demo.yaml", "saasobs validate config/demo.yaml --json"),
        options=("config", "json"),
    ),
    Command(
        "schema",
        "print the JSON Schema of the configuration",
        "saasobs.cli.configuration:schema",
        description="For editors: they complete and check the YAML file with it. In VS Code, for example, begin the"
        " file with `# yaml-language-server: $schema=saasobs.schema.json`.",
        examples=("saasobs schema > saasobs.schema.json",),
        options=(),
    ),
    Command(
        "status",
        "show every monitor, or one in full",
        "saasobs.cli.status:status",
        description="What the running daemon believes now. Exit code 1 when a monitor is down or the daemon has a"
        " problem of its own.",
        arguments=arguments.status,
        examples=(
            "saasobs status --config config/demo.yaml",
            "saasobs status nightly-invoices  # with its ping URL",
            "saasobs status --json",
        ),
    ),
    Command(
        "incidents",
        "list incidents, or show one with its timeline",
        "saasobs.cli.incidents:incidents",
        arguments=arguments.incidents,
        examples=(
            "saasobs incidents --open",
            "saasobs incidents 7f3a  # who was told, when, and how that went",
        ),
    ),
    Command(
        "slo",
        "show availability, p95 and error budgets",
        "saasobs.cli.slo:slo",
        description="How available each monitor was over the last days, how fast it answered, and what is left of the"
        " error budget of those that have an `slo`. Exit code 1 when a budget is spent.",
        arguments=arguments.slo,
        examples=("saasobs slo", "saasobs slo api --days 7"),
    ),
    Command(
        "ack",
        "acknowledge an incident: somebody is on it",
        "saasobs.cli.answers:ack",
        description="Everything that is still owed for it is then no longer sent; whoever was told hears of the end."
        " The first one counts: a second acknowledgement changes nothing, and says who was first.",
        arguments=arguments.answer,
        examples=("saasobs ack 7f3a --by ana",),
    ),
    Command(
        "unack",
        "hand an incident back: nobody is on it any more",
        "saasobs.cli.answers:unack",
        description="Its policy goes on: what would have been told meanwhile is told now, once to each, and the rest"
        " when it is due.",
        arguments=arguments.answer,
        examples=("saasobs unack 7f3a --why 'my shift is over'",),
    ),
    Command(
        "snooze",
        "acknowledge an incident for some time only",
        "saasobs.cli.answers:snooze",
        description="When the time is over and the incident is not, its policy goes on by itself.",
        arguments=arguments.snooze,
        examples=("saasobs snooze 7f3a", "saasobs snooze 7f3a --for 2h --by ana", "saasobs snooze 7f3a --until 08:00"),
    ),
    Command(
        "assign",
        "say whose an incident is",
        "saasobs.cli.answers:assign",
        description="Acknowledges it, too, where nobody has. One of the configured people is told so over the channels"
        " of their own.",
        arguments=arguments.assign,
        examples=("saasobs assign 7f3a --to bruno",),
    ),
    Command(
        "note",
        "write a line into an incident's timeline",
        "saasobs.cli.answers:note",
        arguments=arguments.note,
        examples=("saasobs note 7f3a restarted the database, watching it",),
    ),
    Command(
        "resolve",
        "say that an incident is over",
        "saasobs.cli.answers:resolve",
        description="Whoever was told hears so. A monitor that still fails opens a new incident once that is confirmed"
        " anew; what other systems report stays resolved until they have said that it was over.",
        arguments=arguments.answer,
        examples=("saasobs resolve 7f3a --why 'rolled back'",),
    ),
    Command(
        "explain",
        "tell who was told of an incident, and why others were not",
        "saasobs.cli.explain:explain",
        description="For every person and channel: what was sent, when, why, or why not: a window, a dependency, an"
        " acknowledgement, quiet hours, a cap, a hand-over, a silence.",
        arguments=arguments.explain,
        examples=("saasobs explain 7f3a",),
    ),
    Command(
        "policy",
        "show who would be told, minute by minute, without sending",
        "saasobs.cli.policy:policy",
        description="From the configuration alone: which policy takes an incident that opens at a moment, and whom its"
        " steps would reach if nobody answered. Overrides that were entered by hand are not known here.",
        arguments=arguments.policy,
        examples=(
            "saasobs policy test --monitor shop-checkout",
            "saasobs policy test --monitor shop-checkout --severity warning --at '2026-12-24 03:00 America/Lima'",
        ),
        options=("config", "json"),
    ),
    Command(
        "rules",
        "print Prometheus rules and alerts that fit what your services export",
        "saasobs.cli.rules:rules",
        description="A set of your own: for one service, with the routes whose slowness calls people, your objective."
        " Without --out it is printed as one file; with it, there are recording.yml and alerts.yml in a folder.",
        arguments=arguments.rules,
        examples=("saasobs rules --service checkout --critical '/pay,/login' --slo 99.9 --out alerts/",),
        options=("json",),
    ),
    Command(
        "grafana",
        "push the dashboards into a Grafana, or write them to a folder",
        "saasobs.cli.grafana:grafana",
        description="Seven dashboards that fit the metrics and the alerts: overview, service, route, slo, tenants,"
        " data, uptime. `push` creates what is missing and updates what differs; again, it changes nothing. What"
        " somebody changed in Grafana is overwritten and said so (--dry-run says it before); it stays in Grafana's"
        " history. The token is that of a service account with the role Editor, in $SAASOBS_GRAFANA_TOKEN. `export`"
        " writes the JSON for Grafana's provisioning. Exit code 1 when a dashboard was not pushed.",
        arguments=arguments.grafana,
        examples=(
            "saasobs grafana push --url https://grafana.example.com --sentry-url https://acme.sentry.io",
            "saasobs grafana push --url http://localhost:3000 --only overview,slo --dry-run",
            "saasobs grafana export --out dashboards/",
        ),
        options=("json",),
    ),
    Command(
        "pause",
        "stop checking a monitor until it is resumed",
        "saasobs.cli.monitors:pause",
        arguments=arguments.one_monitor,
        examples=("saasobs pause shop-checkout --by ana",),
    ),
    Command(
        "resume",
        "check a paused monitor again",
        "saasobs.cli.monitors:resume",
        arguments=arguments.one_monitor,
        examples=("saasobs resume shop-checkout",),
    ),
    Command(
        "maintenance",
        "hold alerts back while you work on something",
        "saasobs.cli.maintenance:maintenance",
        description="Checks and incidents go on inside a window; alerts wait, and what is still down at its end is told"
        " then. `list` shows the windows of the configuration, too.",
        arguments=arguments.maintenance,
        examples=(
            "saasobs maintenance start --monitor api --for 30m --reason deploy",
            "saasobs maintenance start --tag database --at 23:00 --for 2h",
            "saasobs maintenance list",
            "saasobs maintenance end w4k2mx",
        ),
    ),
    Command(
        "oncall",
        "show who is on call now and in the next weeks",
        "saasobs.cli.oncall:oncall",
        description="Each schedule of the configuration: who has it now, every turn of the next four weeks, who stands"
        " in for whom, and the address that calendars subscribe to. Times are those of the schedule's time zone.",
        arguments=arguments.oncall,
        examples=(
            "saasobs oncall",
            "saasobs oncall primary --days 90",
            "saasobs oncall primary --override carla --for 2d --reason holidays",
            "saasobs oncall --end w4k2mx",
        ),
    ),
    Command(
        "alerts",
        "list the alerts that others report",
        "saasobs.cli.alerts:alerts",
        description="What fires now, by the word of Prometheus, Alertmanager, Grafana and whoever else is among the"
        " `alerts.sources` of the configuration. Each has its incident, which `saasobs incidents` shows.",
        arguments=arguments.alerts,
        examples=("saasobs alerts", "saasobs alerts severity=page 'service=~api|web'"),
    ),
    Command(
        "silence",
        "do not tell of certain alerts for a while",
        "saasobs.cli.alerts:silence",
        description="For alerts that others report, by their labels: name=value, name!=value, name=~expression,"
        " name!~expression; a word alone is the alert's name. Their incidents open all the same, and what"
        " still fires when the silence ends is told then. amtool and Grafana see the same silences.",
        arguments=arguments.silence,
        examples=(
            "saasobs silence add alertname=HighErrorRate service=api --for 2h --reason deploy",
            "saasobs silence list",
            "saasobs silence expire 51c79d83",
        ),
    ),
    Command(
        "notify",
        "test that a channel reaches people",
        "saasobs.cli.notify:notify",
        description="`notify test CHANNEL` has the running daemon send a test message at once. `notify receipts` shows"
        " where providers of text messages, WhatsApp and calls report to, for those whose console asks for it.",
        arguments=arguments.notify,
        examples=(
            "saasobs notify test team-slack",
            "saasobs notify test oncall-sms --to ana",
            "saasobs notify receipts",
        ),
    ),
    Command(
        "wrap",
        "run an app with instrumentation, without a line of code",
        "saasobs.cli.wrap:wrap",
        description="Run a web server, a queue's worker or a management command, and give what it runs JSON logs with"
        " correlation IDs, metrics, traces, error reports and query counts. The command takes the place of"
        " this process: signals and its exit code are its own. Of saasobs it needs the plain install only, in"
        " the same environment as the app. Exit code 127 when there is no such command, 126 when it cannot be"
        " executed.",
        arguments=arguments.wrap,
        examples=(
            "saasobs wrap -- gunicorn shop.wsgi",
            "saasobs wrap --service shop -- uvicorn app:app --workers 4",
            "saasobs wrap -- celery -A app worker",
            "saasobs wrap -- python manage.py runserver",
        ),
        options=(),
    ),
)

EPILOG = """\
First steps:
  saasobs check https://example.com        check one URL now; no configuration, no daemon
  saasobs validate saasobs.yaml            find every mistake in a configuration
  saasobs serve --config saasobs.yaml      watch, decide, tell
  saasobs status                           what the running daemon believes
  saasobs wrap -- gunicorn shop.wsgi       run your app with logs, metrics, traces and error reports

Where the configuration is: --config, else $SAASOBS_CONFIG, else ./saasobs.yaml, else ./config/saasobs.yaml.
Exit codes: 0 ok, 1 something is down or failed, 2 wrong usage or configuration, 3 no daemon is running.
`saasobs COMMAND --help` shows examples."""
