"""What each login sent within the last hour"""

import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'sending',
        sa.Column('account_id', sa.Text(), nullable=False),
        sa.Column('kind', sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('sent_at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('account_id', 'kind', 'name', name=op.f('pk_sending')),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table('sending')
