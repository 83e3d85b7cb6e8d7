"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "attempts",
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("duration", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", "at"),
    )
    op.create_index(op.f("ix_attempts_channel_at"), "attempts", ["channel", "at"], unique=False)
    op.create_table(
        "events",
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("incident_id", "at", "change"),
    )
    op.create_table(
        "facts",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "heartbeats",
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_success", sa.BigInteger(), nullable=False),
        sa.Column("last_start", sa.BigInteger(), nullable=False),
        sa.Column("last_fail", sa.BigInteger(), nullable=False),
        sa.Column("last_exit_code", sa.Integer(), nullable=True),
        sa.Column("last_body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("monitor"),
    )
    op.create_table(
        "incidents",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column("occurrence", sa.Integer(), nullable=False),
        sa.Column("acknowledged_at", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged_by", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.Column("ending", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_incidents_ended",
        "incidents",
        ["ended_at"],
        unique=False,
        sqlite_where=sa.text("ended_at > 0"),
        postgresql_where=sa.text("ended_at > 0"),
    )
    op.create_index(op.f("ix_incidents_monitor_opened_at"), "incidents", ["monitor", "opened_at"], unique=False)
    op.create_index(
        "ix_incidents_open",
        "incidents",
        ["opened_at"],
        unique=False,
        sqlite_where=sa.text("ended_at = 0"),
        postgresql_where=sa.text("ended_at = 0"),
    )
    op.create_index(op.f("ix_incidents_opened_at"), "incidents", ["opened_at"], unique=False)
    op.create_table(
        "message_references",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "recipient", "incident_id"),
    )
    op.create_index(op.f("ix_message_references_incident_id"), "message_references", ["incident_id"], unique=False)
    op.create_table(
        "monitors",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "notices",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("occurrence", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("unless_acknowledged", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("suppression", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_notices_incident_id"), "notices", ["incident_id"], unique=False)
    op.create_index(
        "ix_notices_leased",
        "notices",
        ["lease_owner"],
        unique=False,
        sqlite_where=sa.text("lease_owner <> ''"),
        postgresql_where=sa.text("lease_owner <> ''"),
    )
    op.create_index(
        "ix_notices_pending",
        "notices",
        ["channel", "next_at"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "pings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("signal", sa.Text(), nullable=False),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_pings_monitor_at"), "pings", ["monitor", "at"], unique=False)
    op.create_table(
        "states",
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("downs", sa.Integer(), nullable=False),
        sa.Column("not_ups", sa.Integer(), nullable=False),
        sa.Column("ups", sa.Integer(), nullable=False),
        sa.Column("not_downs", sa.Integer(), nullable=False),
        sa.Column("failing_since", sa.BigInteger(), nullable=False),
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("last_outcome", sa.Text(), nullable=True),
        sa.Column("last_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("monitor"),
    )
    op.create_table(
        "attempt_notices",
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("notice_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id", "at"],
            ["attempts.delivery_id", "attempts.at"],
            name=op.f("fk_attempt_notices_delivery_id_at"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("delivery_id", "at", "position"),
    )
    op.create_index(op.f("ix_attempt_notices_notice_id"), "attempt_notices", ["notice_id"], unique=False)
    op.create_table(
        "results",
        sa.Column("monitor_id", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("lag", sa.BigInteger(), nullable=False, comment="started_at - scheduled_at"),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.SmallInteger(), nullable=False, comment="index in result_rows.OUTCOMES"),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("duration", sa.BigInteger(), nullable=False),
        sa.Column("dns", sa.BigInteger(), nullable=True),
        sa.Column("connect", sa.BigInteger(), nullable=True),
        sa.Column("tls", sa.BigInteger(), nullable=True),
        sa.Column("first_byte", sa.BigInteger(), nullable=True),
        sa.Column("transfer", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("certificate_until", sa.BigInteger(), nullable=True),
        sa.Column("correlation_id", sa.LargeBinary(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True, comment="JSON of what has no column of its own"),
        sa.ForeignKeyConstraint(["monitor_id"], ["monitors.id"], name=op.f("fk_results_monitor_id")),
        sa.PrimaryKeyConstraint("monitor_id", "started_at", "location"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rollups",
        sa.Column("monitor_id", sa.Integer(), nullable=False),
        sa.Column("length", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("up", sa.Integer(), nullable=False),
        sa.Column("degraded", sa.Integer(), nullable=False),
        sa.Column("down", sa.Integer(), nullable=False),
        sa.Column("missed", sa.Integer(), nullable=False),
        sa.Column("unknown", sa.Integer(), nullable=False),
        sa.Column("sketch", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["monitor_id"], ["monitors.id"], name=op.f("fk_rollups_monitor_id")),
        sa.PrimaryKeyConstraint("monitor_id", "length", "start"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "unfolded",
        sa.Column("monitor_id", sa.Integer(), nullable=False),
        sa.Column("length", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["monitor_id"], ["monitors.id"], name=op.f("fk_unfolded_monitor_id")),
        sa.PrimaryKeyConstraint("monitor_id", "length", "start"),
        sqlite_with_rowid=False,
    )
