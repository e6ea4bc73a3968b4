"""Texts that letters begin with."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('letter_template',
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.Column('name', sa.String(length=60), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_letter_template_account_id')),
    sa.PrimaryKeyConstraint('account_id', 'name', name=op.f('pk_letter_template')),
    sqlite_with_rowid=False
    )


def downgrade() -> None:
    op.drop_table('letter_template')
