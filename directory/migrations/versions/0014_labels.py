"""Names and colours for keywords of one's messages."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('label',
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.Column('keyword', sa.String(length=50), nullable=False),
    sa.Column('name', sa.String(length=60), nullable=False),
    sa.Column('colour', sa.SmallInteger(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_label_account_id')),
    sa.PrimaryKeyConstraint('account_id', 'keyword', name=op.f('pk_label')),
    sqlite_with_rowid=False
    )


def downgrade() -> None:
    op.drop_table('label')
