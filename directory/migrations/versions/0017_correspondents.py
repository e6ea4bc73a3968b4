"""Certificates of others that people have confirmed."""

import sqlalchemy as sa
from alembic import op

from directory.tables.columns import AddressText

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "correspondent",
        sa.Column("account_id", sa.String(length=16), nullable=False),
        sa.Column("address", AddressText, nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("companions", sa.Text(), nullable=False),
        sa.Column("capabilities", sa.Text(), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_correspondent_account_id")),
        sa.PrimaryKeyConstraint("account_id", "address", name=op.f("pk_correspondent")),
    )


def downgrade() -> None:
    op.drop_table("correspondent")
