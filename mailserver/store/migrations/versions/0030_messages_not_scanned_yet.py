"""Messages that were not scanned yet"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "unscanned",
        sa.Column("mailbox_id", Id, autoincrement=False, nullable=False),
        sa.Column("first_id", Id, autoincrement=False, nullable=False),
        sa.Column("last_id", Id, nullable=False),
        sa.PrimaryKeyConstraint("mailbox_id", "first_id", name=op.f("pk_unscanned")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_unscanned_first_id"), "unscanned", ["first_id"])


def downgrade() -> None:
    op.drop_table("unscanned")
