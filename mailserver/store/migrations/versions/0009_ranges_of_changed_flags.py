"""Ranges of messages whose flags were changed at once"""

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.create_table('marked_range',
    sa.Column('mailbox_id', _Id, autoincrement=False, nullable=False),
    sa.Column('modseq', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('low', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('high', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['mailbox_id'], ['mailbox.id'], name=op.f('fk_marked_range_mailbox_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('mailbox_id', 'modseq', 'low', name=op.f('pk_marked_range')),
    sqlite_with_rowid=False
    )


def downgrade() -> None:
    # What lies in ranges is touched again, as it was before there were ranges.
    op.execute(
        'UPDATE placement SET touched = true WHERE EXISTS (SELECT 1 FROM marked_range r'
        ' WHERE r.mailbox_id = placement.mailbox_id AND r.modseq = placement.modseq'
        ' AND placement.uid BETWEEN r.low AND r.high)'
    )
    op.drop_table('marked_range')
