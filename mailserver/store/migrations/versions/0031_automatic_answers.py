"""Who was answered by a machine: not only that an address leads elsewhere"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "automatic_answer",
        sa.Column("occasion", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("occasion", "sender", name=op.f("pk_automatic_answer")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_automatic_answer_answered_at"), "automatic_answer", ["answered_at"])
    op.execute("INSERT INTO automatic_answer SELECT address, sender, told_at FROM moved_notice")
    op.drop_table("moved_notice")


def downgrade() -> None:
    op.create_table(
        "moved_notice",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("address", "sender", name=op.f("pk_moved_notice")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_moved_notice_told_at"), "moved_notice", ["told_at"])
    op.execute("INSERT INTO moved_notice SELECT occasion, sender, answered_at FROM automatic_answer")
    op.drop_table("automatic_answer")
