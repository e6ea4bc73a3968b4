"""The first tables"""

import sqlalchemy as sa
from alembic import op

from mailserver.store.mailboxes import begin_sequences

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('mailbox',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('special_use', sa.Text(), nullable=True),
    sa.Column('uid_validity', sa.BigInteger(), nullable=False),
    sa.Column('uid_next', sa.BigInteger(), nullable=False),
    sa.Column('highest_modseq', sa.BigInteger(), nullable=False),
    sa.Column('vanished_horizon', sa.BigInteger(), nullable=False),
    sa.Column('messages', sa.Integer(), nullable=False),
    sa.Column('unseen', sa.Integer(), nullable=False),
    sa.Column('deleted', sa.Integer(), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('removed_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mailbox')),
    sa.UniqueConstraint('account_id', 'name', name=op.f('uq_mailbox_account_id_name'))
    )
    op.create_table('message',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('header_size', sa.Integer(), nullable=False),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.Column('sent_at', sa.BigInteger(), nullable=True),
    sa.Column('has_attachments', sa.Boolean(), nullable=False),
    sa.Column('envelope', sa.LargeBinary(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('bodystructure', sa.LargeBinary(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('base_subject', sa.Text(), nullable=False),
    sa.Column('author_name', sa.Text(), nullable=False),
    sa.Column('author_address', sa.Text(), nullable=False),
    sa.Column('to_text', sa.Text(), nullable=False),
    sa.Column('sort_from', sa.Text(), nullable=False),
    sa.Column('sort_to', sa.Text(), nullable=False),
    sa.Column('sort_cc', sa.Text(), nullable=False),
    sa.Column('message_id_header', sa.Text(), nullable=False),
    sa.Column('thread_key', sa.Text(), nullable=False),
    sa.Column('preview', sa.Text(), nullable=False),
    sa.Column('search_text', sa.Text(), nullable=False),
    sa.Column('parts', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_message'))
    )
    with op.batch_alter_table('message', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_message_message_id_header'), ['message_id_header'], unique=False)
        batch_op.create_index(batch_op.f('ix_message_thread_key'), ['thread_key'], unique=False)

    op.create_table('sequence',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('value', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_sequence')),
    sqlite_with_rowid=False
    )
    op.create_table('subscription',
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('account_id', 'name', name=op.f('pk_subscription')),
    sqlite_with_rowid=False
    )
    op.create_table('expunged',
    sa.Column('mailbox_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('uid', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('modseq', sa.BigInteger(), nullable=False),
    sa.Column('message_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('flags', sa.BigInteger(), nullable=False),
    sa.Column('internal_date', sa.BigInteger(), nullable=False),
    sa.Column('expunged_at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['mailbox_id'], ['mailbox.id'], name=op.f('fk_expunged_mailbox_id')),
    sa.ForeignKeyConstraint(['message_id'], ['message.id'], name=op.f('fk_expunged_message_id')),
    sa.PrimaryKeyConstraint('mailbox_id', 'uid', name=op.f('pk_expunged')),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('expunged', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_expunged_expunged_at'), ['expunged_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_expunged_mailbox_id_modseq'), ['mailbox_id', 'modseq'], unique=False)
        batch_op.create_index(batch_op.f('ix_expunged_message_id'), ['message_id'], unique=False)

    op.create_table('mailbox_keyword',
    sa.Column('mailbox_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('bit', sa.SmallInteger(), autoincrement=False, nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['mailbox_id'], ['mailbox.id'], name=op.f('fk_mailbox_keyword_mailbox_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('mailbox_id', 'bit', name=op.f('pk_mailbox_keyword')),
    sqlite_with_rowid=False
    )
    op.create_table('message_octets',
    sa.Column('message_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('format', sa.SmallInteger(), nullable=False),
    sa.Column('prefix_size', sa.Integer(), nullable=False),
    sa.Column('digest', sa.LargeBinary(), nullable=True),
    sa.Column('header', sa.LargeBinary(), nullable=False),
    sa.Column('text', sa.LargeBinary(), nullable=True),
    sa.ForeignKeyConstraint(['message_id'], ['message.id'], name=op.f('fk_message_octets_message_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('message_id', name=op.f('pk_message_octets'))
    )
    with op.batch_alter_table('message_octets', schema=None) as batch_op:
        batch_op.create_index('ix_message_octets_digest', ['digest'], unique=False, sqlite_where=sa.text('digest IS NOT NULL'), postgresql_where=sa.text('digest IS NOT NULL'))

    op.create_table('placement',
    sa.Column('mailbox_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('uid', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('message_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('flags', sa.BigInteger(), nullable=False),
    sa.Column('modseq', sa.BigInteger(), nullable=False),
    sa.Column('touched', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.Column('internal_date', sa.BigInteger(), nullable=False),
    sa.Column('saved_at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['mailbox_id'], ['mailbox.id'], name=op.f('fk_placement_mailbox_id')),
    sa.ForeignKeyConstraint(['message_id'], ['message.id'], name=op.f('fk_placement_message_id')),
    sa.PrimaryKeyConstraint('mailbox_id', 'uid', name=op.f('pk_placement')),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('placement', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_placement_message_id'), ['message_id'], unique=False)
        batch_op.create_index('ix_placement_touched', ['mailbox_id', 'modseq'], unique=False, sqlite_where=sa.text('touched = 1'), postgresql_where=sa.text('touched'))

    op.create_table('spool_item',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('message_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('reverse_path', sa.Text(), nullable=False),
    sa.Column('submitter', sa.Text(), server_default='', nullable=False),
    sa.Column('envelope_id', sa.Text(), server_default='', nullable=False),
    sa.Column('ret', sa.Text(), server_default='', nullable=False),
    sa.Column('smtputf8', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.Column('eight_bit', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('held', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.Column('delay_reported', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.ForeignKeyConstraint(['message_id'], ['message.id'], name=op.f('fk_spool_item_message_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_spool_item'))
    )
    with op.batch_alter_table('spool_item', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_spool_item_message_id'), ['message_id'], unique=False)

    op.create_table('spool_recipient',
    sa.Column('item_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('forward_path', sa.Text(), nullable=False),
    sa.Column('domain', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('next_attempt_at', sa.BigInteger(), nullable=False),
    sa.Column('leased_until', sa.BigInteger(), nullable=False),
    sa.Column('lease_owner', sa.Text(), server_default='', nullable=False),
    sa.Column('last_reply', sa.Text(), server_default='', nullable=False),
    sa.Column('notify', sa.Text(), server_default='', nullable=False),
    sa.Column('original_recipient', sa.Text(), server_default='', nullable=False),
    sa.ForeignKeyConstraint(['item_id'], ['spool_item.id'], name=op.f('fk_spool_recipient_item_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('item_id', 'forward_path', name=op.f('pk_spool_recipient')),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('spool_recipient', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_spool_recipient_state_next_attempt_at'), ['state', 'next_attempt_at'], unique=False)

    begin_sequences(op.get_bind())


def downgrade() -> None:
    with op.batch_alter_table('spool_recipient', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_spool_recipient_state_next_attempt_at'))

    op.drop_table('spool_recipient')
    with op.batch_alter_table('spool_item', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_spool_item_message_id'))

    op.drop_table('spool_item')
    with op.batch_alter_table('placement', schema=None) as batch_op:
        batch_op.drop_index('ix_placement_touched', sqlite_where=sa.text('touched = 1'), postgresql_where=sa.text('touched'))
        batch_op.drop_index(batch_op.f('ix_placement_message_id'))

    op.drop_table('placement')
    with op.batch_alter_table('message_octets', schema=None) as batch_op:
        batch_op.drop_index('ix_message_octets_digest', sqlite_where=sa.text('digest IS NOT NULL'), postgresql_where=sa.text('digest IS NOT NULL'))

    op.drop_table('message_octets')
    op.drop_table('mailbox_keyword')
    with op.batch_alter_table('expunged', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_expunged_message_id'))
        batch_op.drop_index(batch_op.f('ix_expunged_mailbox_id_modseq'))
        batch_op.drop_index(batch_op.f('ix_expunged_expunged_at'))

    op.drop_table('expunged')
    op.drop_table('subscription')
    op.drop_table('sequence')
    with op.batch_alter_table('message', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_message_thread_key'))
        batch_op.drop_index(batch_op.f('ix_message_message_id_header'))

    op.drop_table('message')
    op.drop_table('mailbox')
