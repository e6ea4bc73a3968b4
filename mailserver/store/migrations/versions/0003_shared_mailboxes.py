"""Shared mailboxes: rights, each reader's own seen state, annotations"""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.create_table('mailbox_acl',
    sa.Column('mailbox_id', _Id, autoincrement=False, nullable=False),
    sa.Column('identifier', sa.Text(), nullable=False),
    sa.Column('negative', sa.Boolean(), nullable=False),
    sa.Column('rights', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['mailbox_id'], ['mailbox.id'], name=op.f('fk_mailbox_acl_mailbox_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('mailbox_id', 'identifier', 'negative', name=op.f('pk_mailbox_acl')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_mailbox_acl_identifier'), 'mailbox_acl', ['identifier'], unique=False)
    op.create_table('private_seen',
    sa.Column('mailbox_id', _Id, autoincrement=False, nullable=False),
    sa.Column('since_uid', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['mailbox_id'], ['mailbox.id'], name=op.f('fk_private_seen_mailbox_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('mailbox_id', name=op.f('pk_private_seen'))
    )
    op.create_table('reader_seen',
    sa.Column('mailbox_id', _Id, autoincrement=False, nullable=False),
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('uid', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('seen', sa.SmallInteger(), nullable=False),
    sa.Column('modseq', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['mailbox_id'], ['mailbox.id'], name=op.f('fk_reader_seen_mailbox_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('mailbox_id', 'account_id', 'uid', name=op.f('pk_reader_seen')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_reader_seen_mailbox_id_account_id_modseq'), 'reader_seen', ['mailbox_id', 'account_id', 'modseq'], unique=False)
    op.create_table('annotation',
    sa.Column('mailbox_id', _Id, autoincrement=False, nullable=False),
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('entry', sa.Text(), nullable=False),
    sa.Column('value', sa.LargeBinary(), nullable=True),
    sa.Column('changed', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('mailbox_id', 'account_id', 'entry', name=op.f('pk_annotation')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_annotation_changed'), 'annotation', ['changed'], unique=False)
    op.execute("INSERT INTO sequence (name, value) VALUES ('annotation', 0) ON CONFLICT DO NOTHING")


def downgrade() -> None:
    op.execute("DELETE FROM sequence WHERE name = 'annotation'")
    op.drop_index(op.f('ix_annotation_changed'), table_name='annotation')
    op.drop_table('annotation')
    op.drop_index(op.f('ix_reader_seen_mailbox_id_account_id_modseq'), table_name='reader_seen')
    op.drop_table('reader_seen')
    op.drop_table('private_seen')
    op.drop_index(op.f('ix_mailbox_acl_identifier'), table_name='mailbox_acl')
    op.drop_table('mailbox_acl')
