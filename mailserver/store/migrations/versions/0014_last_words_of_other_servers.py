"""What other servers said at last about each recipient"""

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'relay_trace',
        sa.Column('message_id', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('forward_path', sa.Text(), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.Column('state', sa.Text(), nullable=False),
        sa.Column('host', sa.Text(), nullable=False),
        sa.Column('reply', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('message_id', 'forward_path', name=op.f('pk_relay_trace')),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f('ix_relay_trace_at'), 'relay_trace', ['at'])


def downgrade() -> None:
    op.drop_table('relay_trace')
