"""Which messages no session was told of yet"""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('mailbox', sa.Column('recent_uid', sa.BigInteger(), server_default='1', nullable=False))


def downgrade() -> None:
    op.drop_column('mailbox', 'recent_uid')
