"""Who answers what in shared mailboxes"""

import sqlalchemy as sa
from alembic import op

revision = '0027'
down_revision = '0026'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('handled_thread',
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('thread_key', sa.Text(), nullable=False),
    sa.Column('assignee', sa.Text(), nullable=False),
    sa.Column('done_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('account_id', 'thread_key', name=op.f('pk_handled_thread')),
    sqlite_with_rowid=False
    )
    op.create_table('handling_event',
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('thread_key', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('whom', sa.Text(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('account_id', 'number', name=op.f('pk_handling_event')),
    sqlite_with_rowid=False
    )
    op.create_index(
        op.f('ix_handling_event_account_id_thread_key'), 'handling_event', ['account_id', 'thread_key']
    )


def downgrade() -> None:
    op.drop_table('handling_event')
    op.drop_table('handled_thread')
