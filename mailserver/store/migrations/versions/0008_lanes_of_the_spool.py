"""The spool is leased by domain and priority instead of recipient by recipient"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_END_OF_TIME = "4611686018427387904"


def upgrade() -> None:
    op.create_table(
        "spool_lane",
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("priority", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("ready_at", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text(), server_default="", nullable=False),
        sa.Column("has_news", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("is_failing", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("last_reply", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("domain", "priority", name=op.f("pk_spool_lane")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_spool_lane_is_failing_priority_ready_at"), "spool_lane", ["is_failing", "priority", "ready_at"]
    )
    op.create_index(op.f("ix_spool_lane_ready_at"), "spool_lane", ["ready_at"])
    op.create_index(op.f("ix_spool_lane_owner_has_news"), "spool_lane", ["owner", "has_news"])

    op.add_column("spool_item", sa.Column("unfinished", sa.Integer(), server_default="0", nullable=False))
    op.add_column("spool_recipient", sa.Column("priority", sa.SmallInteger(), server_default="0", nullable=False))
    op.add_column(
        "spool_recipient", sa.Column("deadline_at", sa.BigInteger(), server_default=_END_OF_TIME, nullable=False)
    )
    op.drop_index("ix_spool_recipient_state_next_attempt_at", table_name="spool_recipient")
    op.drop_column("spool_recipient", "leased_until")
    op.drop_column("spool_recipient", "lease_owner")

    op.execute("""UPDATE spool_recipient SET domain = lower(domain),
        priority = (SELECT priority FROM spool_item WHERE id = item_id)""")
    op.execute("""UPDATE spool_recipient SET state = 'held'
        WHERE state = 'due' AND item_id IN (SELECT id FROM spool_item WHERE held)""")
    op.execute(f"UPDATE spool_recipient SET next_attempt_at = {_END_OF_TIME} WHERE state <> 'due'")
    op.execute("UPDATE spool_recipient SET deadline_at = 0 WHERE state = 'due'")
    op.execute("""UPDATE spool_item SET unfinished = (SELECT count(*) FROM spool_recipient
        WHERE item_id = id AND state IN ('due', 'held'))""")
    op.execute("""INSERT INTO spool_lane (domain, priority, waiting, ready_at)
        SELECT domain, priority, count(*), min(next_attempt_at) FROM spool_recipient
        WHERE state IN ('due', 'held') GROUP BY domain, priority""")
    op.create_index(
        op.f("ix_spool_recipient_domain_priority_next_attempt_at_item_id"),
        "spool_recipient",
        ["domain", "priority", "next_attempt_at", "item_id"],
    )
    op.create_index(op.f("ix_spool_recipient_deadline_at"), "spool_recipient", ["deadline_at"])


def downgrade() -> None:
    op.drop_index("ix_spool_recipient_deadline_at", table_name="spool_recipient")
    op.drop_index("ix_spool_recipient_domain_priority_next_attempt_at_item_id", table_name="spool_recipient")
    op.execute("UPDATE spool_recipient SET state = 'due', next_attempt_at = 0 WHERE state = 'held'")
    op.drop_column("spool_recipient", "deadline_at")
    op.drop_column("spool_recipient", "priority")
    op.add_column("spool_recipient", sa.Column("leased_until", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("spool_recipient", sa.Column("lease_owner", sa.Text(), server_default="", nullable=False))
    op.create_index("ix_spool_recipient_state_next_attempt_at", "spool_recipient", ["state", "next_attempt_at"])
    op.drop_column("spool_item", "unfinished")
    op.drop_table("spool_lane")
