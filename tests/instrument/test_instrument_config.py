"""What the instrumentation may be told, and what it does with nonsense."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.instrument.config import SETTINGS, InstrumentConfig, read_config


def test_the_default_is_usable() -> None:
    """With nothing configured there are JSON logs and no complaint."""
    assert read_config({}) == (InstrumentConfig(), ())


def test_precedence() -> None:
    """An argument wins over SAASOBS_*, which wins over the default; None and an empty variable count as unset."""
    environ = {"SAASOBS_SERVICE": "from-env", "SAASOBS_ENVIRONMENT": "prod", "SAASOBS_VERSION": ""}
    config, warnings = read_config(environ, {"service": "from-argument", "environment": None})
    assert (config.service, config.environment, config.version, warnings) == ("from-argument", "prod", "", ())


def test_console_only_on_a_terminal() -> None:
    """The format is console by default on a terminal, and json wherever it is asked for."""
    assert read_config({}, terminal=True)[0].log_format == "console"
    assert read_config({"SAASOBS_LOG_FORMAT": "json"}, terminal=True)[0].log_format == "json"
    assert read_config({"SAASOBS_LOG_FORMAT": "JSON "}, terminal=True)[0].log_format == "json"


@pytest.mark.parametrize(
    ("variable", "value", "hint"),
    [
        ("SAASOBS_LOG_LEVEL", "loud", "must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
        ("SAASOBS_LOG_FORMAT", "xml", "must be one of json, console"),
        ("SAASOBS_TRUST_INCOMING", "maybe", "must be 1 or 0"),
        ("SAASOBS_SERVICE", "a\nb", "printable"),
        ("SAASOBS_CORRELATION_HEADER", "X Request\r\n", "printable"),
        ("SAASOBS_CORRELATION_HEADER", "Ünicode", "name of an HTTP header"),
    ],
)
def test_a_bad_value_is_one_warning_and_the_default(variable: str, value: str, hint: str) -> None:
    """A value that is not understood names its variable, says what would have been right, and changes nothing."""
    config, warnings = read_config({variable: value})
    assert config == InstrumentConfig()
    assert len(warnings) == 1
    assert variable in warnings[0]
    assert hint in warnings[0]


def test_a_variable_that_is_nearly_one_of_ours() -> None:
    """It is told, with what was meant; what is somebody else's is left alone."""
    environ = {"SAASOBS_SERVCE": "shop", "SAASOBS_TRACE_SAMPLE_RATE": "1", "SAASOBS_CONFIG": "/etc/saasobs"}
    more = {"SAASOBS_HEARTBEAT_SERVCE": "https://obs.example/ping/1", "SAASOBS_WRAP": "1", "SAASOBS_TOKEN_42": "x"}
    assert read_config({**environ, **more})[1] == (
        "SAASOBS_SERVCE is no setting of ours (did you mean SAASOBS_SERVICE?)",
        "SAASOBS_TRACE_SAMPLE_RATE is no setting of ours (did you mean SAASOBS_TRACE_SAMPLE_RATIO?)",
    )


def test_a_secret_is_not_told() -> None:
    """What is wrong with a value that may hold a key is said without the value."""
    (warning,) = read_config({"SENTRY_DSN": "k3y@errors.example"})[1]
    assert warning.startswith("SENTRY_DSN is *** but must begin with http://")
    assert "k3y" not in warning


@given(st.sampled_from([setting.field for setting in SETTINGS]), st.one_of(st.text(), st.integers(), st.binary()))
def test_no_argument_ever_raises(field: str, value: object) -> None:
    """Whatever is passed, the host gets a configuration, and at most one warning."""
    config, warnings = read_config({}, {field: value})
    assert isinstance(config, InstrumentConfig)
    assert len(warnings) <= 1


def test_every_good_value() -> None:
    """Levels have their usual other names, flags their usual words, and paths may be one or several."""
    config, warnings = read_config(
        {"SAASOBS_LOG_LEVEL": "warn", "SAASOBS_TRUST_INCOMING": "off"},
        {"exclude": "/ping", "correlation_header": "X-Id"},
    )
    assert warnings == ()
    assert (config.log_level, config.trust_incoming, config.exclude, config.correlation_header) == (
        "WARNING",
        False,
        frozenset({"/ping"}),
        "X-Id",
    )
