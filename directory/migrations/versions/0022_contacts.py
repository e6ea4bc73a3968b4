"""Contacts that people keep for themselves, and groups of them."""

import sqlalchemy as sa
from alembic import op

from directory.tables.columns import AddressText

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('contact',
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.Column('address', AddressText, nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('found_by', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_contact_account_id')),
    sa.PrimaryKeyConstraint('account_id', 'address', name=op.f('pk_contact')),
    sqlite_with_rowid=False
    )
    op.create_table('contact_group',
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.Column('name', sa.String(length=60), nullable=False),
    sa.Column('address', AddressText, nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_contact_group_account_id')),
    sa.ForeignKeyConstraint(['account_id', 'address'], ['contact.account_id', 'contact.address'], name=op.f('fk_contact_group_account_id_address')),
    sa.PrimaryKeyConstraint('account_id', 'name', 'address', name=op.f('pk_contact_group')),
    sqlite_with_rowid=False
    )


def downgrade() -> None:
    op.drop_table('contact_group')
    op.drop_table('contact')
