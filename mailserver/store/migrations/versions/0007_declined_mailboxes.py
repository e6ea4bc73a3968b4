"""Shared mailboxes that a reader unsubscribed"""

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'declined_mailbox',
        sa.Column('account_id', sa.Text(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('account_id', 'name', name=op.f('pk_declined_mailbox')),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table('declined_mailbox')
