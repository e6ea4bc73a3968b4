"""Searches that are kept under a name."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('saved_search',
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.Column('name', sa.String(length=60), nullable=False),
    sa.Column('query', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_saved_search_account_id')),
    sa.PrimaryKeyConstraint('account_id', 'name', name=op.f('pk_saved_search')),
    sqlite_with_rowid=False
    )


def downgrade() -> None:
    op.drop_table('saved_search')
