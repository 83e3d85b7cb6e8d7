"""A question put to the world: (monitor, check) -> Result, within its timeout; it never raises.

Every kind that exists stands in KINDS. A new one is a file or folder here and a line there. A probe knows nothing of
schedules, states, incidents or storage: it says what one check saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from saasobs.core.ports import Probe
from saasobs.probes.kind import Kind, Tools

_KINDS = (
    Kind("http", "http.options:HttpOptions", "http.probe:HttpProbe", "Requests a URL and judges the answer."),
    Kind(
        "heartbeat",
        "heartbeat:HeartbeatOptions",
        "heartbeat:HeartbeatProbe",
        "Expects a job to report in on time, and tells when it did not.",
        "heartbeat:wake_at",
    ),
    Kind(
        "tcp",
        "tcp.options:TcpOptions",
        "tcp.probe:TcpProbe",
        "Connects to a port and goes through a dialogue: send, expect, STARTTLS.",
    ),
    Kind(
        "tls",
        "tls.options:TlsKindOptions",
        "tls.probe:TlsProbe",
        "Shakes hands by TLS and judges certificates, versions and ciphers.",
    ),
    Kind(
        "smtp",
        "smtp:SmtpOptions",
        "smtp:SmtpProbe",
        "Greets a mail server: banner, EHLO, TLS and login; sends no mail.",
    ),
    Kind(
        "ssh",
        "ssh.probe:SshOptions",
        "ssh.probe:SshProbe",
        "Greets an SSH server and has it prove its host key; never logs in.",
    ),
    Kind(
        "websocket",
        "websocket.options:WebsocketOptions",
        "websocket.probe:WebsocketProbe",
        "Opens a WebSocket and judges what comes of it.",
    ),
    Kind("grpc", "grpc.options:GrpcOptions", "grpc.probe:GrpcProbe", "Asks a gRPC server for the health of a service."),
    Kind(
        "dns", "dns.options:DnsOptions", "dns.probe:DnsProbe", "Asks a name server one question and judges its answer."
    ),
    Kind(
        "icmp",
        "icmp.options:IcmpOptions",
        "icmp.probe:IcmpProbe",
        "Pings a host: loss and round-trip times over several packets.",
    ),
    Kind(
        "postgres",
        "databases.postgres:PostgresOptions",
        "databases.postgres:PostgresProbe",
        "Logs in to PostgreSQL and judges a query's answer.",
    ),
    Kind(
        "mysql",
        "databases.mysql:MysqlOptions",
        "databases.mysql:MysqlProbe",
        "Logs in to MySQL or MariaDB and judges a query's answer.",
    ),
    Kind(
        "redis",
        "databases.redis:RedisOptions",
        "databases.redis:RedisProbe",
        "Logs in to Redis or Valkey and judges the reply to a command.",
    ),
    Kind(
        "mongodb",
        "databases.mongodb:MongodbOptions",
        "databases.mongodb:MongodbProbe",
        "Logs in to MongoDB and judges the answer to a command.",
    ),
    Kind(
        "rabbitmq",
        "databases.rabbitmq:RabbitmqOptions",
        "databases.rabbitmq:RabbitmqProbe",
        "Logs in to RabbitMQ and looks at a queue.",
    ),
    Kind(
        "metrics",
        "metrics.options:MetricsOptions",
        "metrics.probe:MetricsProbe",
        "Scrapes an app's metrics and judges them over a sliding window.",
    ),
    Kind("promql", "promql:PromqlOptions", "promql:PromqlProbe", "Asks Prometheus a query and judges its value."),
    Kind(
        "journey",
        "journey.options:JourneyOptions",
        "journey.probe:JourneyProbe",
        "Walks through several HTTP requests that share cookies and variables.",
    ),
    Kind("domain", "domain:DomainOptions", "domain:DomainProbe", "Watches the registration of a domain, by RDAP."),
    Kind(
        "composite", "composite:CompositeOptions", "composite:CompositeProbe", "Is up when enough other monitors are."
    ),
)
KINDS: Final[Mapping[str, Kind]] = {kind.name: kind for kind in _KINDS}


class Probes(dict[str, Probe]):
    """The probe of each kind, by its name; made when it is first asked for."""

    def __init__(self, tools: Tools) -> None:
        super().__init__()
        self._tools = tools

    def __missing__(self, kind: str) -> Probe:
        made = self[kind] = KINDS[kind].probe(self._tools)
        return made


__all__ = ["KINDS", "Kind", "Probes", "Tools"]
