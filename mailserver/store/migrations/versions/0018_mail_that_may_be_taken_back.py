"""Mail that was sent, has not gone, and may be taken back"""

import sqlalchemy as sa
from alembic import op

revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'postponed',
        sa.Column('account_id', sa.Text(), nullable=False),
        sa.Column('item_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
        sa.Column('copy_mailbox_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite')),
        sa.Column('copy_uid', sa.BigInteger()),
        sa.ForeignKeyConstraint(
            ['item_id'], ['spool_item.id'], name=op.f('fk_postponed_item_id'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('account_id', 'item_id', name=op.f('pk_postponed')),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f('ix_postponed_item_id'), 'postponed', ['item_id'])


def downgrade() -> None:
    op.drop_table('postponed')
