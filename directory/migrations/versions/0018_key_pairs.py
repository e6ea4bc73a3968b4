"""Every account a pair of keys, wrapped twice; escrow of decryption keys and their recovery; levels of units."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('key_pair',
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.Column('public', sa.LargeBinary(), nullable=False),
    sa.Column('by_password', sa.LargeBinary(), nullable=True),
    sa.Column('password_stamp', sa.String(length=20), nullable=False),
    sa.Column('by_installation', sa.LargeBinary(), nullable=True),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_key_pair_account_id')),
    sa.PrimaryKeyConstraint('account_id', name=op.f('pk_key_pair')),
    sqlite_with_rowid=False
    )
    op.create_table('recovery_key',
    sa.Column('id', sa.String(length=16), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('public', sa.LargeBinary(), nullable=False),
    sa.Column('needed', sa.SmallInteger(), nullable=False),
    sa.Column('shares', sa.SmallInteger(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("state IN ('active', 'retired')", name=op.f('ck_recovery_key_state')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_recovery_key')),
    sqlite_with_rowid=False
    )
    op.create_table('escrowed_key',
    sa.Column('private_key_id', sa.String(length=16), nullable=False),
    sa.Column('recovery_key_id', sa.String(length=16), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(
        ['private_key_id'], ['private_key.id'], name=op.f('fk_escrowed_key_private_key_id')
    ),
    sa.ForeignKeyConstraint(
        ['recovery_key_id'], ['recovery_key.id'], name=op.f('fk_escrowed_key_recovery_key_id')
    ),
    sa.PrimaryKeyConstraint('private_key_id', name=op.f('pk_escrowed_key')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_escrowed_key_recovery_key_id'), 'escrowed_key', ['recovery_key_id'])
    op.create_table('key_recovery',
    sa.Column('id', sa.String(length=16), nullable=False),
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('asked_by', sa.String(length=16), nullable=False),
    sa.Column('approved_by', sa.String(length=16), nullable=True),
    sa.Column('asked_at', sa.BigInteger(), nullable=False),
    sa.Column('decided_at', sa.BigInteger(), nullable=True),
    sa.Column('told', sa.String(length=10), nullable=False),
    sa.CheckConstraint(
        "state IN ('open', 'approved', 'refused', 'done')", name=op.f('ck_key_recovery_state')
    ),
    sa.CheckConstraint('approved_by IS NULL OR approved_by != asked_by', name=op.f('ck_key_recovery_two')),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_key_recovery_account_id')),
    sa.ForeignKeyConstraint(['approved_by'], ['account.id'], name=op.f('fk_key_recovery_approved_by')),
    sa.ForeignKeyConstraint(['asked_by'], ['account.id'], name=op.f('fk_key_recovery_asked_by')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_key_recovery')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_key_recovery_account_id'), 'key_recovery', ['account_id'])
    op.create_table('key_level',
    sa.Column('unit_id', sa.String(length=16), nullable=False),
    sa.Column('level', sa.String(length=10), nullable=False),
    sa.CheckConstraint("level IN ('sealed', 'managed')", name=op.f('ck_key_level_level')),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_key_level_unit_id')),
    sa.PrimaryKeyConstraint('unit_id', name=op.f('pk_key_level')),
    sqlite_with_rowid=False
    )


def downgrade() -> None:
    for name in ('key_level', 'key_recovery', 'escrowed_key', 'recovery_key', 'key_pair'):
        op.drop_table(name)
