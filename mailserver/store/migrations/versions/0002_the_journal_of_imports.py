"""The journal of imports"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('imported',
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('token', sa.LargeBinary(), nullable=False),
    sa.Column('imported_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('account_id', 'token', name=op.f('pk_imported')),
    sqlite_with_rowid=False
    )


def downgrade() -> None:
    op.drop_table('imported')
