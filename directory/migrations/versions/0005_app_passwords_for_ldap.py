"""App passwords may open LDAP.

The two tables are made anew from copies: SQLite cannot change a constraint, and rows of the one point to the other's.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE kept_app_password AS SELECT id, account_id, name, scope, digest, created_at FROM app_password")
    op.execute("CREATE TABLE kept_app_password_use AS SELECT app_password_id, at, protocol, client FROM app_password_use")
    op.drop_table('app_password_use')
    op.drop_table('app_password')
    op.create_table('app_password',
    sa.Column('id', sa.String(length=16), nullable=False),
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('scope', sa.String(length=10), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("scope IN ('imap', 'smtp', 'both', 'ldap')", name=op.f('ck_app_password_scope')),
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
    op.execute("INSERT INTO app_password (id, account_id, name, scope, digest, created_at) SELECT * FROM kept_app_password")
    op.execute("INSERT INTO app_password_use (app_password_id, at, protocol, client) SELECT * FROM kept_app_password_use")
    op.drop_table('kept_app_password')
    op.drop_table('kept_app_password_use')
