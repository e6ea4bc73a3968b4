"""What is said with a decision on a request for approval."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('approval_request', sa.Column('answer', sa.Text(), server_default='', nullable=False))


def downgrade() -> None:
    op.drop_column('approval_request', 'answer')
