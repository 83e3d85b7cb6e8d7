"""What a whole file comes to: defaults, precedence, what is implied, where things are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from saasobs.core.errors import ConfigurationError
from saasobs.core.monitor import Monitor, Severity, Thresholds
from saasobs.core.values import DAY, MINUTE, SECOND, Secret
from saasobs.probes import KINDS
from saasobs.settings import Limits, Listener, Settings, for_url, load
from saasobs.settings.assembly import COMMON_KEYS

API = "monitors:\n  - {name: api, kind: http, url: https://api.acme.example/health}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "saasobs.yaml"


def settings(file: Path, text: str, **environ: str) -> Settings:
    file.write_text(text, encoding="utf-8")
    return load(file, environ)


def monitor(file: Path, keys: str, before: str = "") -> Monitor:
    text = f"{before}\nmonitors: [{{name: api, kind: http, url: 'https://api.acme.example/', {keys}}}]\n"
    return settings(file, text).monitors["api"]


def test_the_least_file(file: Path) -> None:
    """One monitor is enough: everything else has a default."""
    least = settings(file, API)
    assert least.source == file
    assert least.files == (file,)
    assert least.store == "sqlite:///var/saasobs.db"
    assert least.state_dir == Path("var")
    assert least.web == Listener("127.0.0.1", 9110)
    assert least.base_url == "http://127.0.0.1:9110"
    assert least.ingest is None
    assert least.location == "local"
    assert least.limits == Limits(1_000, 4)
    assert (least.retention.raw, least.retention.hourly) == (7 * DAY, 90 * DAY)
    assert least.own_heartbeat is None
    assert least.nameservers == ()


def test_the_least_monitor(file: Path) -> None:
    """A monitor that says nothing is checked every minute, for ten seconds, and twice before anybody is told."""
    api = settings(file, API).monitors["api"]
    assert (api.interval, api.timeout) == (MINUTE, 10 * SECOND)
    assert api.thresholds == Thresholds(2, 2, 5 * SECOND)
    assert (api.severity, api.policy, api.tags) == (Severity.CRITICAL, "", ())  # whichever policy fits
    assert (api.target, api.host) == ("https://api.acme.example/health", "api.acme.example")


def test_with_nothing_configured_the_console_is_told(file: Path) -> None:
    """No channel and no policy: a console and a policy that tells it, so that something is always told."""
    implied = settings(file, API)
    assert [(channel.name, channel.kind) for channel in implied.channels.values()] == [("console", "console")]
    (step,) = implied.policies["default"].steps
    assert (step.notify, step.after, step.unless_acknowledged) == (("console",), 0, False)


def test_without_policies_every_channel_is_told_but_fallbacks(file: Path) -> None:
    """Channels without policies: all at once, except those that stand in for another."""
    text = "channels:\n  a: {kind: console, fallback: b}\n  b: {kind: console}\n  c: {kind: console}\n"
    (step,) = settings(file, text + API).policies["default"].steps
    assert step.notify == ("a", "c")


def test_policies_in_both_forms(file: Path) -> None:
    """A bare list of steps is the same as `steps`, one name the same as a list of one."""
    text = """
channels: {a: {kind: console}, b: {kind: console}}
policies:
  default:
    - {notify: a}
    - {notify: [a, b, a], after: 5m, unless: acknowledged}
  other: {steps: [{notify: b}]}
  quiet: []
"""
    policies = settings(file, text + API).policies
    assert [(step.notify, step.after, step.unless_acknowledged) for step in policies["default"].steps] == [
        (("a",), 0, False),
        (("a", "b"), 5 * MINUTE, True),
    ]
    assert [step.notify for step in policies["other"].steps] == [("b",)]
    assert policies["quiet"].steps == ()


def test_a_monitor_comes_before_its_kind_and_its_kind_before_the_defaults(file: Path) -> None:
    """Thresholds: the monitor's own word, then its kind's, then the file's."""
    text = """
defaults: {fail_after: 5, recover_after: 7}
monitors:
  - {name: said, kind: heartbeat, period: 1h, fail_after: 3}
  - {name: kind, kind: heartbeat, period: 1h}
  - {name: file, kind: http, url: https://api.acme.example}
"""
    monitors = settings(file, text).monitors
    preset = KINDS["heartbeat"].options.thresholds
    assert preset == {"fail_after": 1, "recover_after": 1}
    found = {name: (each.thresholds.fail_after, each.thresholds.recover_after) for name, each in monitors.items()}
    assert found == {"said": (3, 1), "kind": (1, 1), "file": (5, 7)}


@pytest.mark.parametrize(
    ("keys", "before", "interval", "timeout", "retry"),
    [
        ("", "", 60, 10, 5),
        ("interval: 5s", "", 5, 5, 5),
        ("interval: 2s", "", 2, 2, 2),
        ("interval: 5s, timeout: 4s", "", 5, 4, 5),
        ("interval: 5m, timeout: 2m", "", 300, 120, 5),
        ("", "defaults: {interval: 3s}", 3, 3, 3),
        ("interval: 30s", "defaults: {interval: 60s, timeout: 45s, retry_interval: 40s}", 30, 30, 30),
    ],
)
def test_what_is_not_said_is_made_to_fit(
    file: Path, keys: str, before: str, interval: int, timeout: int, retry: int
) -> None:
    """A default timeout or retry interval is never longer than a monitor's interval."""
    api = monitor(file, keys, before)
    assert (api.interval, api.timeout) == (interval * SECOND, timeout * SECOND)
    assert api.thresholds.retry_interval == retry * SECOND


def test_the_order_of_monitors_is_that_of_the_file(file: Path) -> None:
    """Pages list them as their author did."""
    names = ["zeta", "alpha", "Facturación nocturna", "mid/dle", "a.b-c_d"]
    lines = [f"  - {{name: '{name}', kind: heartbeat, period: 1h}}" for name in names]
    assert list(settings(file, "monitors:\n" + "\n".join(lines)).monitors) == names


def test_no_monitors_on_purpose(file: Path) -> None:
    """An empty list is allowed where it is written out."""
    assert settings(file, "monitors: []").monitors == {}


def test_variables_fit_every_kind_of_value(file: Path) -> None:
    """A number, a duration, a switch and a text may each be a variable, quoted or not."""
    text = """
limits:
  concurrency: ${N}
  per_host: "${N}"
channels: {a: {kind: console}}
monitors:
  - {name: "${NAME}", kind: http, url: "https://${HOST}/", interval: "${EVERY:-30s}", description: "${NAME}"}
"""
    found = settings(file, text, N="7", NAME="2026", HOST="api.acme.example")
    assert found.limits == Limits(7, 7)
    assert found.monitors["2026"].description == "2026"
    assert found.monitors["2026"].interval == 30 * SECOND
    assert found.monitors["2026"].host == "api.acme.example"


def test_a_secret_of_digits_is_still_a_text(file: Path) -> None:
    """An unquoted variable that happens to hold a number serves where a text is wanted."""
    text = "heartbeat: {url: 'https://x.example/${A}'}\nlocation: ${A}\n" + API
    for digits in ("123456", "9" * 40, "1e5", "0x1F", "true"):
        assert settings(file, text, A=digits).location == digits


def test_a_phone_number_from_the_environment(file: Path) -> None:
    """It reads as a number where it stands without quotes, and a text is wanted."""
    text = """
channels:
  texts:
    kind: sms
    provider: twilio
    account_sid: AC0123
    auth_token: ${DIGITS}
    from: ${SENDER}
    to:
      - "+51987654321"
      - ${PHONE}
"""
    found = settings(file, text + API, DIGITS="00123", SENDER="12345", PHONE="+51912345678")
    texts: Any = found.channels["texts"].options
    assert (texts.providers[0].from_, texts.to) == ("12345", ("+51987654321", "+51912345678"))
    assert texts.providers[0].auth_token == Secret("00123")


def test_state_folder_and_database(file: Path) -> None:
    """The state folder is the database's own unless it is named; relative paths are left to the working folder."""
    assert settings(file, "store: sqlite:////srv/saasobs/a.db\n" + API).state_dir == Path("/srv/saasobs")
    assert settings(file, "store: sqlite:///a.db\n" + API).state_dir == Path()
    assert settings(file, "state_dir: run\n" + API).state_dir == Path("run")


@pytest.mark.parametrize(
    ("bind", "listener"),
    [
        ("127.0.0.1:9110", Listener("127.0.0.1", 9110)),
        ("localhost:0", Listener("localhost", 0)),
        ("[::1]:9110", Listener("::1", 9110)),
        ("127.8.9.1:65535", Listener("127.8.9.1", 65535)),
    ],
)
def test_the_page_listens_on_loopback(file: Path, bind: str, listener: Listener) -> None:
    """Any loopback address will do, and is shown as it was written."""
    web = settings(file, f"web: {{bind: '{bind}'}}\n" + API).web
    assert web == listener
    assert str(web) == bind


@pytest.mark.parametrize("bind", ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "example.com:1", "127.0.0.1.example.com:1"])
def test_the_page_refuses_to_listen_outward(file: Path, bind: str) -> None:
    """It has no users yet."""
    with pytest.raises(ConfigurationError, match="the operator page has no users yet"):
        settings(file, f"web: {{bind: '{bind}'}}\n" + API)


@pytest.mark.parametrize("bind", ["9110", "localhost", ":9110", "127.0.0.1:70000", "::1:9110", "http://x:1", "a b:1"])
def test_an_address_has_a_host_and_a_port(file: Path, bind: str) -> None:
    """Anything else is refused with what would have been right."""
    with pytest.raises(ConfigurationError, match="write a host and a port, as in"):
        settings(file, f"ingest: {{bind: '{bind}'}}\n" + API)


def test_ingest_may_listen_outward(file: Path) -> None:
    """Nothing is taken there without a token; where it is the page's own address there is one listener."""
    assert settings(file, "ingest: {bind: '0.0.0.0:9111'}\n" + API).ingest == Listener("0.0.0.0", 9111)
    assert settings(file, "ingest: {bind: '127.0.0.1:9110'}\n" + API).ingest is None


def test_own_heartbeat(file: Path) -> None:
    """Its URL is a secret: whoever has it can keep the watcher quiet."""
    own = settings(file, "heartbeat: {url: https://hc.example/ping/abc, interval: 30s}\n" + API).own_heartbeat
    assert own is not None
    assert (own.url.reveal(), own.interval) == ("https://hc.example/ping/abc", 30 * SECOND)
    assert "abc" not in repr(own)


def test_the_address_in_messages(file: Path) -> None:
    """`base_url` stands in for the page's own address, without a slash at its end."""
    text = "web: {bind: '[::1]:9110', base_url: 'https://ops.acme.example/uptime/'}\n"
    assert settings(file, text + API).base_url == "https://ops.acme.example/uptime"
    assert settings(file, "web: {bind: '[::1]:9110'}\n" + API).base_url == "http://[::1]:9110"


def test_name_servers(file: Path) -> None:
    """Addresses, with a port or without."""
    servers = ("10.0.0.2", "10.0.0.2:5353", "::1", "[::1]:5353")
    text = f"nameservers: {list(servers)}\n"
    assert settings(file, text + API).nameservers == servers


def test_anchors_share_what_monitors_have_in_common(file: Path) -> None:
    """A fault in a shared part is told at the line where it is written."""
    text = """
monitors:
  - &base {name: one, kind: http, url: https://a.example, interval: 30s}
  - {<<: *base, name: two}
  - <<: *base
    name: three
    timeout: 45s
"""
    with pytest.raises(ConfigurationError) as caught:
        settings(file, text)
    assert [(fault.line, fault.path) for fault in caught.value.faults] == [(7, "monitors[2].timeout")]


def test_no_kind_takes_a_common_key() -> None:
    """A key of a monitor means the same for every kind."""
    for kind in KINDS.values():
        keys = {field.alias or name for name, field in kind.options.model_fields.items()}
        assert not keys & (COMMON_KEYS | {"kind"})


def test_a_url_alone_is_a_monitor() -> None:
    """`saasobs check https://…` works without any configuration."""
    bare = for_url("https://api.acme.example/health")
    assert (bare.kind, bare.target, bare.host) == ("http", "https://api.acme.example/health", "api.acme.example")
    assert bare.timeout == 10 * SECOND


@pytest.mark.parametrize("url", ["ftp://x", "https://", "not a url", "https://user:hunter2@exa mple/"])
def test_a_url_that_is_none(url: str) -> None:
    """A word that is no URL is refused in a sentence, without the password in it."""
    with pytest.raises(ConfigurationError) as caught:
        for_url(url)
    assert str(caught.value).startswith("command line: url: ")
    assert "hunter2" not in str(caught.value)
