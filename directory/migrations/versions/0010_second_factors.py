"""A second proof beside the password."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('second_factor',
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.Column('secret', sa.LargeBinary(), nullable=False),
    sa.Column('confirmed_at', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_second_factor_account_id')),
    sa.PrimaryKeyConstraint('account_id', name=op.f('pk_second_factor')),
    sqlite_with_rowid=False
    )
    op.create_table('second_factor_use',
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.Column('step', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_second_factor_use_account_id')),
    sa.PrimaryKeyConstraint('account_id', name=op.f('pk_second_factor_use')),
    sqlite_with_rowid=False
    )
    op.create_table('recovery_code',
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_recovery_code_account_id')),
    sa.PrimaryKeyConstraint('account_id', 'digest', name=op.f('pk_recovery_code')),
    sqlite_with_rowid=False
    )


def downgrade() -> None:
    for table in ('recovery_code', 'second_factor_use', 'second_factor'):
        op.drop_table(table)
