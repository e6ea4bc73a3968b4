"""Requests for approval keep what does them, what they rest on, and who was told."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_COLUMNS = (("command", sa.Text()), ("rests_on", sa.Text()), ("told", sa.String(length=10)))


def upgrade() -> None:
    for name, kind in _COLUMNS:
        op.add_column("approval_request", sa.Column(name, kind, nullable=False, server_default=""))
    # what was asked before is done as it was then, and nobody is told of it again
    op.execute("UPDATE approval_request SET told = state, rests_on = '{}'")


def downgrade() -> None:
    for name, _ in _COLUMNS:
        op.drop_column("approval_request", name)
