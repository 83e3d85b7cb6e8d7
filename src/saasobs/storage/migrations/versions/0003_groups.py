"""Groups of incidents that one recipient is told of in one message."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "message_groups",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("joined_at", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.Column("critical_told_at", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_message_groups_channel_recipient_joined_at"), "message_groups", ["channel", "recipient", "joined_at"]
    )
    op.create_table(
        "group_members",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "recipient", "incident_id"),
    )
    op.create_index(op.f("ix_group_members_group_id"), "group_members", ["group_id"])
    op.create_index(op.f("ix_group_members_incident_id"), "group_members", ["incident_id"])
    op.add_column("notices", sa.Column("group_id", sa.Text(), nullable=False, server_default=""))
    op.add_column("notices", sa.Column("delivery_id", sa.Text(), nullable=False, server_default=""))
    for name, columns, condition in (
        ("ix_notices_sent", ["channel", "sent_at"], "state = 'sent'"),
        ("ix_notices_grouped", ["group_id"], "state = 'pending' AND group_id <> ''"),
    ):
        where = sa.text(condition)
        op.create_index(name, "notices", columns, sqlite_where=where, postgresql_where=where)
