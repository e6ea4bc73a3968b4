"""Senders whose pictures are shown without asking."""

import sqlalchemy as sa
from alembic import op

from directory.tables.columns import AddressText

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('picture_sender',
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.Column('address', AddressText, nullable=False),
    sa.Column('since', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_picture_sender_account_id')),
    sa.PrimaryKeyConstraint('account_id', 'address', name=op.f('pk_picture_sender')),
    sqlite_with_rowid=False
    )


def downgrade() -> None:
    op.drop_table('picture_sender')
