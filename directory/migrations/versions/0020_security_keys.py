"""Security keys as a second proof."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('security_key',
    sa.Column('id', sa.String(length=16), nullable=False),
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.Column('name', sa.String(length=60), nullable=False),
    sa.Column('credential_id', sa.LargeBinary(length=1023), nullable=False),
    sa.Column('credential', sa.LargeBinary(), nullable=False),
    sa.Column('added_at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_security_key_account_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_security_key')),
    sa.UniqueConstraint('credential_id', name=op.f('uq_security_key_credential_id')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_security_key_account_id'), 'security_key', ['account_id'])
    op.create_table('security_key_use',
    sa.Column('key_id', sa.String(length=16), nullable=False),
    sa.Column('uses', sa.BigInteger(), nullable=False),
    sa.Column('used_at', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['key_id'], ['security_key.id'], name=op.f('fk_security_key_use_key_id')),
    sa.PrimaryKeyConstraint('key_id', name=op.f('pk_security_key_use')),
    sqlite_with_rowid=False
    )
    op.create_table('security_key_challenge',
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.Column('challenge', sa.LargeBinary(length=32), nullable=False),
    sa.Column('until', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_security_key_challenge_account_id')),
    sa.PrimaryKeyConstraint('account_id', name=op.f('pk_security_key_challenge')),
    sqlite_with_rowid=False
    )


def downgrade() -> None:
    op.drop_table('security_key_challenge')
    op.drop_table('security_key_use')
    op.drop_index(op.f('ix_security_key_account_id'), table_name='security_key')
    op.drop_table('security_key')
