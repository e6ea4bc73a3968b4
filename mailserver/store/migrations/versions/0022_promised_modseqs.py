"""MODSEQs promised ahead, and those that a power cut left in doubt"""

import sqlalchemy as sa
from alembic import op

revision = '0022'
down_revision = '0021'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('mailbox', sa.Column('promised_modseq', sa.BigInteger(), server_default='0', nullable=False))
    op.create_table('lost_modseq',
    sa.Column('mailbox_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('low', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('high', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['mailbox_id'], ['mailbox.id'], name=op.f('fk_lost_modseq_mailbox_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('mailbox_id', 'low', name=op.f('pk_lost_modseq')),
    sqlite_with_rowid=False
    )
    # A crash of PostgreSQL empties an unlogged table.
    unlogged = ['UNLOGGED'] if op.get_context().dialect.name == 'postgresql' else []
    op.create_table('continuity',
    sa.Column('mark', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('mark', name=op.f('pk_continuity')),
    prefixes=unlogged,
    sqlite_with_rowid=False
    )


def downgrade() -> None:
    op.drop_table('continuity')
    op.drop_table('lost_modseq')
    op.drop_column('mailbox', 'promised_modseq')
