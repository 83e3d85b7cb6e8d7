"""The tables: the one literal place that says what is kept, for every database that we speak to.

Moments and durations are integer microseconds in BIGINT; enums are their values as text. Column names equal the field
names of the fact that a row holds, except in `results` and `rollups`, which are packed (result_rows.py, rollups.py).

Nothing refers to an incident by a foreign key: a notice whose incident is missing must stay visible, not be refused.
A change here needs a revision in migrations/versions; a test compares the two.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    TypeDecorator,
    text,
)

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "fk": "fk_%(table_name)s_%(column_0_N_name)s"}
)


class FreeText(TypeDecorator[str]):
    """Text that the world had a hand in: what no database stores (lone surrogates, NUL) becomes U+FFFD."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:  # noqa: ARG002 - SQLAlchemy's shape
        return None if value is None else storable(value)


def storable(value: str) -> str:
    """The text without lone surrogates and NULs."""
    if value.isascii():
        return value.replace("\0", "\ufffd")
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")


def _moment(name: str, *args: Any, **options: Any) -> Column[int]:
    return Column(name, BigInteger, *args, nullable=False, **options)


def _text(name: str, **options: Any) -> Column[str]:
    return Column(name, Text, nullable=False, **options)


def _free(name: str) -> Column[str]:
    return Column(name, FreeText, nullable=False)


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False)


# Monitors and results ------------------------------------------------------------------------------------------------

monitors = Table(
    "monitors",
    metadata,
    Column("id", Integer, primary_key=True),
    _text("name", unique=True),
    _moment("created_at"),
)
"""Every name that ever had a result; gives it the small number that results and roll-ups are kept under."""

results = Table(
    "results",
    metadata,
    Column("monitor_id", Integer, ForeignKey("monitors.id"), primary_key=True),
    Column("started_at", BigInteger, primary_key=True, autoincrement=False),
    Column("location", Text, primary_key=True),
    Column("lag", BigInteger, nullable=False, comment="started_at - scheduled_at"),
    Column("attempt", Integer, nullable=False),
    Column("outcome", SmallInteger, nullable=False, comment="index in result_rows.OUTCOMES"),
    Column("reason", Text),
    Column("duration", BigInteger, nullable=False),
    Column("dns", BigInteger),
    Column("connect", BigInteger),
    Column("tls", BigInteger),
    Column("first_byte", BigInteger),
    Column("transfer", BigInteger),
    Column("status", Integer),
    Column("certificate_until", BigInteger),
    Column("correlation_id", LargeBinary),
    Column("detail", Text, comment="JSON of what has no column of its own"),
    sqlite_with_rowid=False,  # 90 bytes a row; 114 with a rowid and a separate index
)

rollups = Table(
    "rollups",
    metadata,
    Column("monitor_id", Integer, ForeignKey("monitors.id"), primary_key=True),
    Column("length", BigInteger, primary_key=True, autoincrement=False),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    _count("up"),
    _count("degraded"),
    _count("down"),
    _count("missed"),
    _count("unknown"),
    Column("sketch", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

unfolded = Table(
    "unfolded",
    metadata,
    Column("monitor_id", Integer, ForeignKey("monitors.id"), primary_key=True),
    Column("length", BigInteger, primary_key=True, autoincrement=False),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
"""Hours and days that got something which their roll-up does not hold yet."""

states = Table(
    "states",
    metadata,
    Column("monitor", Text, primary_key=True),
    _text("status"),
    _moment("since"),
    _count("downs"),
    _count("not_ups"),
    _count("ups"),
    _count("not_downs"),
    _moment("failing_since"),
    _text("incident_id"),
    Column("paused", Boolean, nullable=False),
    _moment("last_at"),
    Column("last_outcome", Text),
    Column("last_reason", Text),
)

# Incidents and what is owed ------------------------------------------------------------------------------------------

incidents = Table(
    "incidents",
    metadata,
    Column("id", Text, primary_key=True),
    _text("monitor"),
    _text("severity"),
    _text("status"),
    _moment("started_at"),
    _moment("opened_at"),
    _text("reason"),
    _free("message"),
    _text("correlation_id"),
    _count("occurrence"),
    _moment("acknowledged_at"),
    _free("acknowledged_by"),
    _moment("ended_at"),
    Column("ending", Text),
    Column("topic", Text, nullable=False, server_default="health"),
    _text("tenant", server_default=""),
    _text("policy", server_default=""),
    Column("rounds", Integer, nullable=False, server_default="0"),
    _text("assigned_to", server_default=""),
    Column("acknowledged_occurrence", Integer, nullable=False, server_default="0"),
    Column("snoozed_until", BigInteger, nullable=False, server_default="0"),
    Index(None, "opened_at"),
    Index(None, "monitor", "opened_at"),
    Index("ix_incidents_open", "opened_at", sqlite_where=text("ended_at = 0"), postgresql_where=text("ended_at = 0")),
    Index("ix_incidents_ended", "ended_at", sqlite_where=text("ended_at > 0"), postgresql_where=text("ended_at > 0")),
)

events = Table(
    "events",
    metadata,
    Column("incident_id", Text, primary_key=True),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("change", Text, primary_key=True),
    _free("text"),
    _free("actor"),
)

notices = Table(
    "notices",
    metadata,
    Column("id", Text, primary_key=True),
    _text("incident_id"),
    _count("step"),
    _count("occurrence"),
    _text("channel"),
    _text("recipient"),
    _text("change"),
    _moment("due_at"),
    _moment("expires_at"),
    _text("severity"),
    Column("unless_acknowledged", Boolean, nullable=False),
    _text("state"),
    Column("suppression", Text),
    _count("attempts"),
    _moment("next_at"),
    _moment("sent_at"),
    _text("lease_owner"),
    _moment("lease_until"),
    _free("detail"),
    _text("group_id", server_default=""),
    _text("delivery_id", server_default=""),
    _text("person", server_default=""),
    _text("schedule", server_default=""),
    _text("provider_id", server_default=""),
    Column("delivered_at", BigInteger, nullable=False, server_default="0"),
    Index(None, "incident_id"),
    Index(
        "ix_notices_provider_id",
        "channel",
        "provider_id",
        sqlite_where=text("provider_id <> ''"),
        postgresql_where=text("provider_id <> ''"),
    ),
    Index(
        "ix_notices_pending",
        "channel",
        "next_at",
        sqlite_where=text("state = 'pending'"),
        postgresql_where=text("state = 'pending'"),
    ),
    Index(
        "ix_notices_sent",
        "channel",
        "sent_at",
        sqlite_where=text("state = 'sent'"),
        postgresql_where=text("state = 'sent'"),
    ),
    Index(
        "ix_notices_grouped",
        "group_id",
        sqlite_where=text("state = 'pending' AND group_id <> ''"),
        postgresql_where=text("state = 'pending' AND group_id <> ''"),
    ),
    Index(
        "ix_notices_leased",
        "lease_owner",
        sqlite_where=text("lease_owner <> ''"),
        postgresql_where=text("lease_owner <> ''"),
    ),
)

attempts = Table(
    "attempts",
    metadata,
    Column("delivery_id", Text, primary_key=True),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    _text("channel"),
    _text("recipient"),
    _moment("duration"),
    _text("outcome"),
    _free("detail"),
    _text("provider_id", server_default=""),
    Column("price", BigInteger, nullable=False, server_default="0", comment="millionths"),
    _text("currency", server_default=""),
    Index(None, "channel", "at"),
)

attempt_notices = Table(
    "attempt_notices",
    metadata,
    Column("delivery_id", Text, primary_key=True),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    _text("notice_id"),
    ForeignKeyConstraint(["delivery_id", "at"], ["attempts.delivery_id", "attempts.at"], ondelete="CASCADE"),
    Index(None, "notice_id"),
)
"""Which notices an attempt was to deliver, in their order."""

message_references = Table(
    "message_references",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("recipient", Text, primary_key=True),
    Column("incident_id", Text, primary_key=True),
    _text("reference"),
    Index(None, "incident_id"),
)
"""What a channel needs to edit or thread its next message of an incident."""

message_groups = Table(
    "message_groups",
    metadata,
    Column("id", Text, primary_key=True),
    _text("channel"),
    _text("recipient"),
    _text("kind"),
    _moment("opened_at"),
    _moment("joined_at"),
    _moment("told_at"),
    _moment("critical_told_at"),
    _text("reference"),
    Index(None, "channel", "recipient", "joined_at"),
)
"""Incidents that one recipient is told of in one message."""

group_members = Table(
    "group_members",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("recipient", Text, primary_key=True),
    Column("incident_id", Text, primary_key=True),
    _text("group_id"),
    Index(None, "group_id"),
    Index(None, "incident_id"),
)
"""Which incidents a group is made of; for one recipient of one channel an incident belongs to one group at most."""

# What others report, and who stands in for whom ----------------------------------------------------------------------

alerts = Table(
    "alerts",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    _free("labels"),
    _free("annotations"),
    _moment("starts_at"),
    _moment("ends_at"),
    _free("generator_url"),
    _moment("updated_at"),
    _text("incident_id"),
    _text("group_key"),
    _moment("resolved_at"),
    _moment("stale_at"),
    Index(None, "incident_id"),
    Index(None, "source", "group_key"),
    Index(
        "ix_alerts_firing",
        "ends_at",
        sqlite_where=text("resolved_at = 0"),
        postgresql_where=text("resolved_at = 0"),
    ),
    Index(
        "ix_alerts_resolved",
        "resolved_at",
        sqlite_where=text("resolved_at > 0"),
        postgresql_where=text("resolved_at > 0"),
    ),
)
"""core.alert.Alert; labels and annotations as JSON."""

silences = Table(
    "silences",
    metadata,
    Column("id", Text, primary_key=True),
    _free("matchers"),
    _moment("starts_at"),
    _moment("ends_at"),
    _free("created_by"),
    _free("comment"),
    _moment("updated_at"),
)
"""core.alert.Silence; matchers as JSON."""

overrides = Table(
    "overrides",
    metadata,
    Column("id", Text, primary_key=True),
    _text("schedule"),
    _text("person"),
    _moment("starts_at"),
    _moment("ends_at"),
    _free("created_by"),
    _free("reason"),
)
"""Somebody stands in for whoever would be on call."""

# Heartbeats and small facts ------------------------------------------------------------------------------------------

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("monitor", Text, primary_key=True),
    _moment("created_at"),
    _moment("last_success"),
    _moment("last_start"),
    _moment("last_fail"),
    Column("last_exit_code", Integer),
    _free("last_body"),
)

pings = Table(
    "pings",
    metadata,
    Column("id", Integer, primary_key=True),
    _text("monitor"),
    _moment("at"),
    _text("signal"),
    Column("exit_code", Integer),
    _free("body"),
    _free("source"),
    _text("method"),
    Index(None, "monitor", "at"),
)

facts = Table(
    "facts",
    metadata,
    Column("key", Text, primary_key=True),
    _text("value"),
)
