"""What stands below what an account writes."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('signature',
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_signature_account_id')),
    sa.PrimaryKeyConstraint('account_id', name=op.f('pk_signature')),
    sqlite_with_rowid=False
    )


def downgrade() -> None:
    op.drop_table('signature')
