"""What people answer, whom a notice is meant for, what arrived, alerts of others, silences, who stands in for whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    for name in ("tenant", "policy", "assigned_to"):
        op.add_column("incidents", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    for name in ("rounds", "acknowledged_occurrence"):
        op.add_column("incidents", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    op.add_column("incidents", sa.Column("snoozed_until", sa.BigInteger(), nullable=False, server_default="0"))
    for name in ("person", "schedule", "provider_id"):
        op.add_column("notices", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column("notices", sa.Column("delivered_at", sa.BigInteger(), nullable=False, server_default="0"))
    where = sa.text("provider_id <> ''")
    op.create_index(
        "ix_notices_provider_id", "notices", ["channel", "provider_id"], sqlite_where=where, postgresql_where=where
    )
    for name in ("provider_id", "currency"):
        op.add_column("attempts", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    price = sa.Column("price", sa.BigInteger(), nullable=False, server_default="0", comment="millionths")
    op.add_column("attempts", price)
    op.create_table(
        "alerts",
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("annotations", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("generator_url", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("group_key", sa.Text(), nullable=False),
        sa.Column("resolved_at", sa.BigInteger(), nullable=False),
        sa.Column("stale_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", "source"),
    )
    op.create_index(op.f("ix_alerts_incident_id"), "alerts", ["incident_id"])
    op.create_index(op.f("ix_alerts_source_group_key"), "alerts", ["source", "group_key"])
    firing, resolved = sa.text("resolved_at = 0"), sa.text("resolved_at > 0")
    op.create_index("ix_alerts_firing", "alerts", ["ends_at"], sqlite_where=firing, postgresql_where=firing)
    op.create_index("ix_alerts_resolved", "alerts", ["resolved_at"], sqlite_where=resolved, postgresql_where=resolved)
    op.create_table(
        "silences",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("matchers", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "overrides",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
