"""When snoozed messages come back"""

import sqlalchemy as sa
from alembic import op

revision = '0025'
down_revision = '0024'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('snoozed',
    sa.Column('mailbox_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('uid', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('home_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('wake_at', sa.BigInteger(), nullable=False),
    sa.Column('unread', sa.Boolean(), nullable=False),
    sa.Column('thread_key', sa.Text(), nullable=False),
    sa.Column('newest', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['mailbox_id'], ['mailbox.id'], name=op.f('fk_snoozed_mailbox_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('mailbox_id', 'uid', name=op.f('pk_snoozed')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_snoozed_wake_at'), 'snoozed', ['wake_at'])


def downgrade() -> None:
    op.drop_table('snoozed')
