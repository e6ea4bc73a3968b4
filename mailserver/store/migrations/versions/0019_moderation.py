"""Messages that moderators of a group are to look at"""

import sqlalchemy as sa
from alembic import op

revision = '0019'
down_revision = '0018'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('spool_item', sa.Column('moderation', sa.Text(), server_default='', nullable=False))


def downgrade() -> None:
    op.drop_column('spool_item', 'moderation')
