"""How changes of many messages are taken back"""

import sqlalchemy as sa
from alembic import op

revision = '0023'
down_revision = '0022'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('undo_step',
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('token', sa.Text(), nullable=False),
    sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('made_at', sa.BigInteger(), nullable=False),
    sa.Column('ways_back', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('account_id', 'token', 'number', name=op.f('pk_undo_step')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_undo_step_made_at'), 'undo_step', ['made_at'])


def downgrade() -> None:
    op.drop_table('undo_step')
