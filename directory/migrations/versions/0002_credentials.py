"""SCRAM verifiers, app passwords, hidden capabilities."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('scram_verifier',
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.Column('hash_digest', sa.String(length=64), nullable=False),
    sa.Column('verifier', sa.String(length=200), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_scram_verifier_account_id')),
    sa.PrimaryKeyConstraint('account_id', name=op.f('pk_scram_verifier')),
    sqlite_with_rowid=False
    )
    op.create_table('app_password',
    sa.Column('id', sa.String(length=16), nullable=False),
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('scope', sa.String(length=10), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("scope IN ('imap', 'smtp', 'both')", name=op.f('ck_app_password_scope')),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_app_password_account_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_app_password')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_app_password_account_id'), 'app_password', ['account_id'], unique=False)
    op.create_table('app_password_use',
    sa.Column('app_password_id', sa.String(length=16), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('protocol', sa.String(length=10), nullable=False),
    sa.Column('client', sa.String(length=45), nullable=False),
    sa.ForeignKeyConstraint(['app_password_id'], ['app_password.id'], name=op.f('fk_app_password_use_app_password_id')),
    sa.PrimaryKeyConstraint('app_password_id', name=op.f('pk_app_password_use')),
    sqlite_with_rowid=False
    )
    op.create_table('hidden_capability',
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.Column('capability', sa.String(length=60), nullable=False),
    sa.Column('client', sa.String(length=100), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_hidden_capability_account_id')),
    sa.PrimaryKeyConstraint('account_id', 'capability', 'client', name=op.f('pk_hidden_capability')),
    sqlite_with_rowid=False
    )
