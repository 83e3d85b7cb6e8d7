"""Which hosts get our headers, and what travels."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.instrument import hosts as rule
from saasobs.instrument import names
from saasobs.instrument.config import InstrumentConfig, read_config
from saasobs.instrument.hosts import Hosts, canonical
from saasobs.instrument.propagation import Propagation, carried_tenant, carry, continue_from
from saasobs.instrument.state import Operation, enter, leave
from saasobs.instrument.tracing.tracer import Tracer

OWN = (
    "localhost",
    "LOCALHOST",
    "localhost.",
    "billing",
    "Billing",
    "my_service",
    "db-1",
    "127.0.0.1",
    "127.8.9.10",
    "::1",
    "[::1]",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.1.1",
    "fd00::1",
    "fe80::1",
    "fe80::1%eth0",
    "billing.internal",
    "billing.internal.",
    "a.b.INTERNAL",
    "printer.local",
    "shop.default.svc",
    "app.localhost",
    "shop.default.svc.cluster.local",
    "::ffff:10.0.0.1",
    "::ffff:7f00:1",
    "2130706433",
    "0x7f000001",
    "127.1",
    "0x7f.1",
    "0.0.0.0",
    "::",
    "\uff42illing",
    "１２７.0.0.1",
    "billing\u3002internal",
)
THIRD = (
    "api.vendor.example",
    "example.com",
    "example.com.",
    "8.8.8.8",
    "172.32.0.1",
    "172.15.0.1",
    "11.0.0.1",
    "192.169.0.1",
    "134744072",
    "0x08080808",
    "8.8",
    "0x8.8",
    "::ffff:8.8.8.8",
    "[::ffff:8.8.8.8]",
    "2001:db8::1",
    "100.64.0.1",
    "010.0.0.1",
    "127.0.0.010",
    "0177.0.0.1",
    "internal.example.com",
    "billing.internal.evil.example",
    "notinternal.com",
    "evil.xinternal",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "com.",
    "ai.",
    "vendor\u3002example",
    "vendor\uff0eexample",
    "vendor\uff61example",
    "bücher.example",
    "faß",
    "",
    ".",
    "..",
    "a..internal",
    ".internal",
    "user@billing",
    "billing:80",
    "http://billing",
    "billing/",
    "billing\\@vendor.example",
    "billing%2einternal",
    "bil ling",
    "billing\n",
    "billing\x00",
    "a" * 64,
    "a." * 200 + "internal",
    "256.0.0.1",
    "1.2.3.4.5",
    "999999999999",
    "127.0.0.0x",
    "[",
    "[]",
    "]",
    "[127.0.0.1",
    ":",
    "::1::",
    "::ffff:8.8.8.8%lo",
    "10.0.0.1 evil",
)


@pytest.mark.parametrize("host", OWN)
def test_own(host: str) -> None:
    """Loopback, private, link-local, single-label and internal names are our own, however they are written."""
    assert Hosts().is_own(host)


@pytest.mark.parametrize("host", THIRD)
def test_third_parties(host: str) -> None:
    """Everything else, and all that is in doubt, is a third party."""
    assert not Hosts().is_own(host)


@pytest.mark.parametrize(
    ("pattern", "own", "third"),
    [
        ("api.acme.example", ["api.acme.example", "API.Acme.Example."], ["acme.example", "x.api.acme.example"]),
        ("*.acme.example", ["api.acme.example", "a.b.acme.example"], ["acme.example", "evilacme.example"]),
        (".acme.example", ["api.acme.example"], ["acme.example"]),
        ("203.0.113.7", ["203.0.113.7", "0xcb007107", "::ffff:203.0.113.7"], ["203.0.113.8"]),
        ("203.0.113.0/24", ["203.0.113.255"], ["203.0.114.0", "203.0.113.0.evil.example"]),
        ("2001:db8::/32", ["2001:db8:1::1", "[2001:DB8::]"], ["2001:db9::1"]),
        ("xn--bcher-kva.example", ["bücher.example", "XN--BCHER-KVA.example"], ["bucher.example"]),
        ("*", ["example.com", "8.8.8.8", "no host"], []),
        ("!billing", ["shop"], ["billing", "BILLING"]),
        ("!10.0.0.0/8,!*.internal", ["192.168.0.1"], ["10.2.3.4", "a.internal", "167772161"]),
        ("*,!*.vendor.example", ["example.com"], ["api.vendor.example"]),
    ],
)
def test_what_is_configured(pattern: str, own: list[str], third: list[str]) -> None:
    """SAASOBS_PROPAGATE_TO adds names, domains, addresses and networks, and takes away what has a `!` before it."""
    config, warnings = read_config({"SAASOBS_PROPAGATE_TO": pattern})
    assert warnings == ()
    hosts = Hosts(config.propagate_to)
    assert [host for host in own if not hosts.is_own(host)] == []
    assert [host for host in third if hosts.is_own(host)] == []


@pytest.mark.parametrize("pattern", ["10.0.0.0/99", "a b", "http://x", "!", "!!x", "*x"])
def test_a_bad_pattern_is_told(pattern: str) -> None:
    """A pattern that nobody understands is one warning, and nothing more gets our headers."""
    config, warnings = read_config({"SAASOBS_PROPAGATE_TO": pattern})
    assert len(warnings) == 1
    assert config.propagate_to == ()


def test_patterns_given_past_the_reader_do_no_harm() -> None:
    """Nonsense in the configuration matches nothing."""
    hosts = Hosts(("10.0.0.0/99", "", "a b", "!"))
    assert hosts.is_own("billing")
    assert not hosts.is_own("vendor.example")
    assert not hosts.is_own("a b")


@given(st.text(max_size=60) | st.text("0123456789abcdefx.:[]%@-", max_size=40))
def test_no_host_raises(host: str) -> None:
    """Any text at all is judged, the same each time."""
    hosts = Hosts(("*.acme.example", "203.0.113.0/24"))
    assert hosts.is_own(host) is hosts.is_own(host)
    assert len(hosts.find(host).label) <= 253


@given(st.integers(0, 2**32 - 1), st.sampled_from(["{0}", "0x{0:x}", "{1}", "::ffff:{1}", "{2}.{3}"]))
def test_an_address_is_judged_the_same_in_every_form(number: int, form: str) -> None:
    """Decimal, hexadecimal, shortened and mapped forms are the address that the system's resolver makes of them."""
    plain = ip_address(number)
    text = form.format(number, plain, number >> 24, number & 0xFFFFFF)
    if ":" not in text:
        assert socket.inet_aton(text) == plain.packed
    assert canonical(text) == plain
    assert Hosts().is_own(text) is Hosts().is_own(str(plain))


def test_metrics_call_few_hosts_by_name() -> None:
    """Own hosts and third parties have labels up to a number each; third parties never take the place of own ones."""
    hosts = Hosts()
    labels = {hosts.find(f"customer-{number}.example").label for number in range(5 * rule.KNOWN_LIMIT)}
    assert len(labels) == rule.OTHER_LABELS + 1
    assert names.OTHER in labels
    assert hosts.find("Billing.internal.").label == "billing.internal"
    assert len({hosts.find(f"own{number}").label for number in range(500)}) == rule.OWN_LABELS
    assert hosts.find("customer-0.example").label == "customer-0.example"
    assert hosts.find("not a host").label == names.OTHER
    assert len(hosts._known) <= rule.KNOWN_LIMIT


def operation() -> Operation:
    made = Operation("corr-1")
    Tracer(InstrumentConfig()).begin(made)
    return made


def test_the_headers_of_an_own_host() -> None:
    """The correlation ID under its configured name, the trace, and the baggage where there is any."""
    propagation = Propagation(InstrumentConfig(correlation_header="X-Correlation-ID"))
    here = operation()
    assert propagation.inject(here, "vendor.example") == {}
    headers = propagation.inject(here, "billing")
    assert headers == {
        "X-Correlation-ID": "corr-1",
        "traceparent": f"00-{here.trace_id}-{here.span_id}-{here.trace_flags:02x}",
    }
    here.tracestate, here.baggage = "a=1", "plan=free"
    assert propagation.inject(here, "billing") == {**headers, "tracestate": "a=1", "baggage": "plan=free"}


def test_an_operation_without_a_trace_has_no_trace_headers() -> None:
    """Where tracing has begun nothing, only the correlation ID goes along."""
    assert Propagation(InstrumentConfig()).inject(Operation("corr-1"), "billing") == {"X-Request-ID": "corr-1"}


def test_a_message_carries_what_is_needed() -> None:
    """What `carry` gives a message, `continue_from` and `carried_tenant` read on the other side."""
    assert carry() == {}
    here = operation()
    here.tenant, here.tracestate, here.baggage = "acme", "a=1", "plan=free"
    token = enter(here)
    carried = carry()
    leave(token)
    correlation_id, incoming = continue_from(carried)
    assert correlation_id == "corr-1"
    assert incoming.traceparent == (f"00-{here.trace_id}-{here.span_id}-{here.trace_flags:02x}",)
    assert (incoming.tracestate, incoming.baggage) == (("a=1",), ("plan=free",))
    assert carried_tenant(carried) == "acme"


@given(st.dictionaries(st.sampled_from(["x-request-id", "traceparent", "baggage", "saasobs-tenant"]),
                       st.none() | st.integers() | st.text(max_size=300) | st.binary()))  # fmt: skip
def test_a_carrier_may_hold_anything(carrier: dict[str, object]) -> None:
    """What strangers have written into a message never raises, and no bad ID is taken over."""
    correlation_id, _ = continue_from(carrier)
    assert len(correlation_id) <= 128
    assert len(carried_tenant(carrier) or "") <= 200
