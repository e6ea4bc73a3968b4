"""What somebody chose for himself."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('preference',
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.Column('name', sa.String(length=40), nullable=False),
    sa.Column('value', sa.String(length=200), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_preference_account_id')),
    sa.PrimaryKeyConstraint('account_id', 'name', name=op.f('pk_preference')),
    sqlite_with_rowid=False
    )


def downgrade() -> None:
    op.drop_table('preference')
