"""What became of each message from outside, and strangers who are to come again"""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'message_trace',
        sa.Column('reference', sa.Text(), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.Column('client', sa.Text(), nullable=False),
        sa.Column('hello', sa.Text(), nullable=False),
        sa.Column('protocol', sa.Text(), nullable=False),
        sa.Column('reverse_path', sa.Text(), nullable=False),
        sa.Column('author', sa.Text(), nullable=False),
        sa.Column('message_id_header', sa.Text(), nullable=False),
        sa.Column('message_id', sa.BigInteger(), nullable=False),
        sa.Column('size', sa.BigInteger(), nullable=False),
        sa.Column('action', sa.Text(), nullable=False),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('results', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('reference', name=op.f('pk_message_trace')),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f('ix_message_trace_at'), 'message_trace', ['at'])
    op.create_index(op.f('ix_message_trace_reverse_path'), 'message_trace', ['reverse_path'])
    op.create_table(
        'recipient_trace',
        sa.Column('reference', sa.Text(), nullable=False),
        sa.Column('forward_path', sa.Text(), nullable=False),
        sa.Column('account_id', sa.Text(), nullable=False),
        sa.Column('outcome', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('reference', 'forward_path', name=op.f('pk_recipient_trace')),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f('ix_recipient_trace_forward_path'), 'recipient_trace', ['forward_path'])
    op.create_table(
        'greylist',
        sa.Column('network', sa.Text(), nullable=False),
        sa.Column('reverse_path', sa.Text(), nullable=False),
        sa.Column('forward_path', sa.Text(), nullable=False),
        sa.Column('first_at', sa.BigInteger(), nullable=False),
        sa.Column('last_at', sa.BigInteger(), nullable=False),
        sa.Column('passed', sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint('network', 'reverse_path', 'forward_path', name=op.f('pk_greylist')),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f('ix_greylist_last_at'), 'greylist', ['last_at'])


def downgrade() -> None:
    op.drop_table('greylist')
    op.drop_table('recipient_trace')
    op.drop_table('message_trace')
