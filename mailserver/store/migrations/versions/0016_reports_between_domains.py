"""Reports between domains: what is to be told of DMARC, and what others tell"""

import sqlalchemy as sa
from alembic import op

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'dmarc_outcome',
        sa.Column('day', sa.Text(), nullable=False),
        sa.Column('domain', sa.Text(), nullable=False),
        sa.Column('digest', sa.Text(), nullable=False),
        sa.Column('policy', sa.Text(), nullable=False),
        sa.Column('detail', sa.Text(), nullable=False),
        sa.Column('messages', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('day', 'domain', 'digest', name=op.f('pk_dmarc_outcome')),
        sqlite_with_rowid=False,
    )
    op.create_table(
        'received_report',
        sa.Column('digest', sa.Text(), nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('domain', sa.Text(), nullable=False),
        sa.Column('reporter', sa.Text(), nullable=False),
        sa.Column('begin_at', sa.BigInteger(), nullable=False),
        sa.Column('end_at', sa.BigInteger(), nullable=False),
        sa.Column('received_at', sa.BigInteger(), nullable=False),
        sa.Column('sender', sa.Text(), nullable=False),
        sa.Column('content', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('digest', name=op.f('pk_received_report')),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f('ix_received_report_begin_at'), 'received_report', ['begin_at'])
    op.create_table(
        'report_mailbox',
        sa.Column('mailbox_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
        sa.Column('read_to', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('mailbox_id', name=op.f('pk_report_mailbox')),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for name in ('report_mailbox', 'received_report', 'dmarc_outcome'):
        op.drop_table(name)
