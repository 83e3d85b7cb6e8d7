"""What a person may write for a monitor of kind grpc. The docstrings are the documentation."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from saasobs.core.values import Secret
from saasobs.options import SecretText, require_driver
from saasobs.probes.net.options import Host, NetworkOptions, Port, TlsOptions, show_place
from saasobs.probes.verdict import Certified, Timed

_KEY = re.compile(r"[0-9a-z_.-]{1,100}")
_OURS: Final = frozenset({"te", "content-type", "user-agent", "host", "connection", "content-length"})


def _metadata_key(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key!r} is no metadata key: lower-case letters, digits, - _ and . only")
    if key in _OURS or key.startswith("grpc-"):
        raise ValueError(f"{key} is set by the call itself")
    return key


def _metadata_value(value: Secret) -> Secret:
    text = value.reveal()
    if not all(" " <= letter <= "~" for letter in text) or text != text.strip():
        raise ValueError("a metadata value is printable ASCII, without spaces around it (base64 for keys on -bin)")
    return value


def _service(name: str) -> str:
    if not all("!" <= letter <= "~" for letter in name):
        raise ValueError(f"{name!r} is not the name of a service: write package.Service, as in acme.billing.Billing")
    return name


def _authority(name: str) -> str:
    if not re.fullmatch(r"[!-~]+", name):
        raise ValueError(f"{name!r} is not an authority: write a host, or host:port")
    return name


MetadataKey = Annotated[str, AfterValidator(_metadata_key)]
MetadataValue = Annotated[SecretText, AfterValidator(_metadata_value)]
Serving = Literal["SERVING", "NOT_SERVING", "UNKNOWN"]


class GrpcExpect(Timed, Certified):
    """What the service must say of itself."""

    status: Serving = "SERVING"
    """The status that is well."""


class GrpcOptions(NetworkOptions, TlsOptions):
    """Calls grpc.health.v1.Health/Check over HTTP/2, and judges what the server says of its service."""

    example: ClassVar[str] = """\
name: billing-grpc
kind: grpc
host: billing.acme.example
port: 50051
service: acme.billing.Billing
tls: true
expect: {degraded_over: 500ms}
"""

    host_: Annotated[Host, Field(alias="host")]
    """The server's host name or address."""
    port: Port
    """The server's port."""
    service: Annotated[str, AfterValidator(_service), Field(max_length=1000)] = ""
    """The service to ask for, as in acme.billing.Billing. Default: the server as a whole."""
    tls: bool = False
    """Speak TLS; otherwise the connection is in plaintext, as within a cluster."""
    authority: Annotated[str, AfterValidator(_authority)] | None = None
    """The `:authority` to ask for, for servers behind a proxy that routes by it. Default: host:port."""
    metadata: dict[MetadataKey, MetadataValue] = Field(default_factory=dict)
    """Metadata to send with the call, such as authorization. Its values are never shown."""
    correlate: bool = True
    """Send x-request-id and traceparent, so that the target's logs and traces can be found from a failed check."""
    expect: GrpcExpect = GrpcExpect()
    """What the service must say of itself."""

    @model_validator(mode="after")
    def _driver(self) -> Self:
        require_driver("h2", "daemon")
        return self

    @property
    def place(self) -> str:
        return show_place(self.host_, self.port)

    def target(self) -> str:
        return f"{self.place} {self.service}".strip()

    def host(self) -> str:
        return self.host_
