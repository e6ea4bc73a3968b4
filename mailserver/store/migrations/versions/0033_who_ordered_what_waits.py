"""Who has sent what waits, for which mailbox, and under which signature"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("writer_id", "author_id", "certificate"):
        op.add_column("postponed", sa.Column(name, sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    for name in ("certificate", "author_id", "writer_id"):
        op.drop_column("postponed", name)
