"""Passwords of links to files"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("linked_file", sa.Column("password_hash", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("linked_file", "password_hash")
