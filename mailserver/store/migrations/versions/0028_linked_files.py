"""Files that letters have links to"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "linked_file",
        sa.Column("token_digest", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("downloads", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("token_digest", name=op.f("pk_linked_file")),
        sqlite_with_rowid=False,
    )
    for column in ("account_id", "digest", "expires_at"):
        op.create_index(op.f(f"ix_linked_file_{column}"), "linked_file", [column])


def downgrade() -> None:
    op.drop_table("linked_file")
