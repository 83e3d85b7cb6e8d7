"""What came from the environment, and what is a secret by its type, is shown nowhere."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from saasobs.core.errors import ConfigurationError
from saasobs.settings import describe, load
from saasobs.settings.sentences import MASK, mask

SECRET = "Hq7-sesame-9Zk"
WHOLE = {
    "web": {"bind": "127.0.0.1:9110", "base_url": "https://ops.acme.example"},
    "location": "lima",
    "nameservers": ["10.0.0.2"],
    "limits": {"concurrency": "10"},
    "retention": {"raw": "7d", "hourly": "90d"},
    "heartbeat": {"url": "https://hc.example/ping", "interval": "1m"},
    "defaults": {"interval": "60s", "severity": "critical", "policy": "default"},
    "channels": {
        "team": {"kind": "console", "fallback": "mail", "max_age": "1d"},
        "mail": {"kind": "console"},
        "bot": {"kind": "slack", "token": "xoxb-1", "channel": "#alerts", "timeout": "10s"},
        "texts": {
            "kind": "sms",
            "provider": "twilio",
            "account_sid": "AC0123",
            "auth_token": "abc",
            "from": "+15005550006",
            "to": ["+51987654321"],
            "monthly_cap": "100",
        },
    },
    "policies": {"default": [{"notify": ["team"], "after": "5m", "unless": "acknowledged"}]},
    "monitors": [
        {
            "name": "api",
            "kind": "http",
            "url": "https://api.acme.example/health",
            "method": "GET",
            "headers": {"X-Key": "abc"},
            "interval": "30s",
            "timeout": "10s",
            "fail_after": "2",
            "severity": "warning",
            "policy": "default",
            "tags": ["critical"],
            "description": "the api",
            "runbook": "https://wiki.acme.example",
            "expect": {"status": "200-299", "json": {"$.status": "ok"}, "body_matches": "ok", "degraded_over": "1s"},
        },
        {"name": "job", "kind": "heartbeat", "cron": "0 3 * * *", "timezone": "America/Lima", "grace": "15m"},
    ],
}


def leaves(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(data, dict | list):
        items = data.items() if isinstance(data, dict) else enumerate(data)
        return [leaf for key, value in items for leaf in leaves(value, (*path, key))]
    return [path]


def planted(path: tuple[Any, ...], text: str) -> str:
    """The whole configuration as YAML (JSON is YAML) with one value replaced."""
    data = json.loads(json.dumps(WHOLE))
    at = data
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = text
    return json.dumps(data)


def shown(text: str, **environ: str) -> str:
    """Everything that a command, a log or a page could show of a configuration: its faults, or the whole of it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "saasobs.yaml"
        file.write_text(text, encoding="utf-8")
        try:
            loaded = load(file, environ)
        except ConfigurationError as error:
            return f"{error} {error!r} {error.faults!r}"
        return f"{json.dumps(describe(loaded))} {loaded!r}"


def test_the_whole_is_good(tmp_path: Path) -> None:
    """The configuration that the tests below spoil has no fault of its own."""
    file = tmp_path / "saasobs.yaml"
    file.write_text(json.dumps(WHOLE), encoding="utf-8")
    assert len(load(file, {}).monitors) == 2


@pytest.mark.parametrize("path", leaves(WHOLE), ids=lambda path: ".".join(map(str, path)))
@pytest.mark.parametrize(
    "form", ["{}", "https://{}.example/", "https://u:{}@x.example:99999/", "5s{}", "({}", "200, {}"]
)
def test_a_value_from_the_environment_is_never_shown(path: tuple[Any, ...], form: str) -> None:
    """Wherever it stands and whatever is wrong with it."""
    value = form.format(SECRET)
    text = shown(planted(path, "${PLANTED}"), PLANTED=value)
    assert SECRET not in text
    assert SECRET.lower() not in text.lower()
    assert "sesame" not in text


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=8, max_size=30))
def test_no_half_of_a_hidden_value_is_left(secret: str) -> None:
    """Masking leaves no run of four letters of a secret in a message, wherever it stands in it."""
    assume(MASK not in secret)
    left = mask(f"before {secret} after {secret!r}, {secret[:5]} and {secret[3:]}", [secret]).lower()
    for start in range(len(secret) - 3):
        run = secret[start : start + 4].lower()
        assert run not in left or run in f"before {MASK} after {MASK}, {MASK} and {MASK}"


def test_a_default_is_no_secret() -> None:
    """It stands in the file: a fault may quote it."""
    assert "'soon' is not a duration" in shown(planted(("monitors", 0, "interval"), "${EVERY:-soon}"))


def test_a_fault_names_the_variable() -> None:
    """So that its reader knows which one to mend."""
    text = shown(planted(("monitors", 0, "url"), "${API_URL}"), API_URL="ftp://secret-host")
    assert "what ${API_URL} holds does not fit here (not shown: it may be a secret)" in text


def test_a_choice_that_came_from_the_environment() -> None:
    """A sentence that does not need the value keeps its advice."""
    text = shown(planted(("monitors", 0, "severity"), "${HOW_BAD}"), HOW_BAD="terrible")
    assert "must be one of 'critical', 'warning'" in text
    assert "terrible" not in text


def test_a_login_in_a_url_is_never_quoted() -> None:
    """Not even when it stands in the file itself."""
    assert "hunter2" not in shown(planted(("monitors", 0, "url"), "https://ada:hunter2@x.example:99999/"))
    assert "hunter2" not in shown(planted(("monitors", 0, "url"), "https://ada:hunter2@x.example/?token=hunter2"))


def test_a_description_says_which_variable_it_was() -> None:
    """In place of the value stands the variable, so that the page stays readable."""
    text = shown(planted(("monitors", 0, "url"), "https://${HOST}/health"), HOST="hidden.acme.example")
    assert "https://${HOST}/health" in text


def test_a_secret_of_the_wrong_type_is_not_quoted() -> None:
    """A token that stands unquoted in the file, as a number."""
    text = shown('monitors: [{name: a, kind: http, url: "https://x.example", headers: {X-Key: 8675309}}]')
    assert "monitors[0].headers.X-Key: must be text" in text
    assert "8675309" not in text
