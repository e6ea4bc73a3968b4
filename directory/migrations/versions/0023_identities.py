"""Identities: name, address for answers and signature for each address that an account writes from."""

import sqlalchemy as sa
from alembic import op

from directory.tables.columns import AddressText

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('identity',
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.Column('address', AddressText, nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('reply_to', AddressText, nullable=False),
    sa.Column('signature', sa.Text(), nullable=True),
    sa.Column('names_writer', sa.Boolean(), nullable=False),
    sa.Column('is_default', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_identity_account_id')),
    sa.PrimaryKeyConstraint('account_id', 'address', name=op.f('pk_identity')),
    sqlite_with_rowid=False
    )
    op.execute(
        "INSERT INTO identity (account_id, address, name, reply_to, signature, names_writer, is_default) "
        "SELECT account.id, account.login, '', '', NULLIF(signature.text, ''), false, false "
        "FROM signature JOIN account ON account.id = signature.account_id"
    )
    op.drop_table('signature')


def downgrade() -> None:
    op.create_table('signature',
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_signature_account_id')),
    sa.PrimaryKeyConstraint('account_id', name=op.f('pk_signature')),
    sqlite_with_rowid=False
    )
    op.execute(
        "INSERT INTO signature (account_id, text) SELECT account.id, COALESCE(identity.signature, '') "
        "FROM identity JOIN account ON account.id = identity.account_id AND account.login = identity.address "
        "WHERE identity.signature IS NULL OR identity.signature != ''"
    )
    op.drop_table('identity')
