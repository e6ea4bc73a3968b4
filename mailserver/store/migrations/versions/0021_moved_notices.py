"""Who was told that an address leads elsewhere now"""

import sqlalchemy as sa
from alembic import op

revision = '0021'
down_revision = '0020'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('moved_notice',
    sa.Column('address', sa.Text(), nullable=False),
    sa.Column('sender', sa.Text(), nullable=False),
    sa.Column('told_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('address', 'sender', name=op.f('pk_moved_notice')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_moved_notice_told_at'), 'moved_notice', ['told_at'])


def downgrade() -> None:
    op.drop_table('moved_notice')
