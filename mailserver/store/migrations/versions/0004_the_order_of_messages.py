"""What SORT and THREAD read, in a table of its own; the ancestry of messages that are there, from their headers"""

import sqlalchemy as sa
from alembic import op

from mailserver.message.ancestry import ancestry
from mailserver.message.headers import fields_of

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
_MOVED = ('base_subject', 'sort_from', 'sort_to', 'sort_cc')
# Messages at a time: a header can be large.
_BATCH = 500


def upgrade() -> None:
    order = op.create_table('message_order',
    sa.Column('message_id', _Id, autoincrement=False, nullable=False),
    sa.Column('sent_at', sa.BigInteger(), nullable=True),
    sa.Column('base_subject', sa.Text(), nullable=False),
    sa.Column('sort_from', sa.Text(), nullable=False),
    sa.Column('sort_to', sa.Text(), nullable=False),
    sa.Column('sort_cc', sa.Text(), nullable=False),
    sa.Column('ancestry', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['message_id'], ['message.id'], name=op.f('fk_message_order_message_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('message_id', name=op.f('pk_message_order'))
    )
    connection = op.get_bind()
    message = sa.table('message', *map(sa.column, ('id', 'subject', 'sent_at', *_MOVED)))
    octets = sa.table('message_octets', sa.column('message_id'), sa.column('header', sa.LargeBinary()))
    wanted = (
        sa.select(message, octets.c.header)
        .join_from(message, octets, octets.c.message_id == message.c.id)
        .order_by(message.c.id)
        .limit(_BATCH)
    )
    last = 0
    while rows := connection.execute(wanted.where(message.c.id > last)).mappings().all():
        connection.execute(
            order.insert(),
            [
                {
                    'message_id': row['id'],
                    'sent_at': row['sent_at'],
                    **{name: row[name] for name in _MOVED},
                    'ancestry': ancestry(fields_of(row['header']), row['subject']),
                }
                for row in rows
            ],
        )
        last = rows[-1]['id']
    for name in _MOVED:
        op.drop_column('message', name)


def downgrade() -> None:
    for name in _MOVED:
        op.add_column('message', sa.Column(name, sa.Text(), server_default='', nullable=False))
    for name in _MOVED:
        op.execute(f'UPDATE message SET {name} = (SELECT {name} FROM message_order WHERE message_id = message.id)')
    op.drop_table('message_order')
