"""What EXPUNGE and COPY need of a message lies with its place; tombstones in the order in which they are asked for"""

import sqlalchemy as sa
from alembic import op

revision = '0020'
down_revision = '0019'
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
_TOUCHED = {'sqlite_where': sa.text('touched = 1'), 'postgresql_where': sa.text('touched')}
_PLACEMENT = 'mailbox_id, uid, message_id, flags, modseq, touched, internal_date, saved_at'
_EXPUNGED = 'mailbox_id, uid, modseq, message_id, flags, internal_date, expunged_at'


def upgrade() -> None:
    _make_placement(sa.Column('size', sa.BigInteger(), nullable=False))
    op.execute(
        f'INSERT INTO placement ({_PLACEMENT}, size) SELECT {", ".join("p." + name for name in _PLACEMENT.split(", "))},'
        ' m.size FROM old_placement p JOIN message m ON m.id = p.message_id ORDER BY p.mailbox_id, p.uid'
    )
    _index_placement()
    _make_expunged('mailbox_id', 'modseq', 'uid')
    op.execute(f'INSERT INTO expunged ({_EXPUNGED}) SELECT {_EXPUNGED} FROM old_expunged ORDER BY mailbox_id, modseq, uid')
    _index_expunged()


def downgrade() -> None:
    _make_placement(*_references('placement'))
    op.execute(f'INSERT INTO placement ({_PLACEMENT}) SELECT {_PLACEMENT} FROM old_placement')
    _index_placement()
    _make_expunged('mailbox_id', 'uid', 'modseq', key=('mailbox_id', 'uid'), more=_references('expunged'))
    op.execute(f'INSERT INTO expunged ({_EXPUNGED}) SELECT {_EXPUNGED} FROM old_expunged')
    _index_expunged()
    op.create_index(op.f('ix_expunged_mailbox_id_modseq'), 'expunged', ['mailbox_id', 'modseq'])


def _references(table: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([f'{to}_id'], [f'{to}.id'], name=op.f(f'fk_{table}_{to}_id'))
        for to in ('mailbox', 'message')
    ]


def _put_aside(table: str) -> None:
    """Its rows are written anew; names of keys and indexes are free for that."""
    for index in sa.inspect(op.get_bind()).get_indexes(table):
        op.drop_index(index['name'], table)
    op.rename_table(table, f'old_{table}')
    if op.get_context().dialect.name == 'postgresql':
        op.drop_constraint(f'pk_{table}', f'old_{table}')


def _make_placement(*more: sa.Column | sa.ForeignKeyConstraint) -> None:
    _put_aside('placement')
    op.create_table('placement',
    sa.Column('mailbox_id', _Id, autoincrement=False, nullable=False),
    sa.Column('uid', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('message_id', _Id, nullable=False),
    sa.Column('flags', sa.BigInteger(), nullable=False),
    sa.Column('modseq', sa.BigInteger(), nullable=False),
    sa.Column('touched', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.Column('internal_date', sa.BigInteger(), nullable=False),
    sa.Column('saved_at', sa.BigInteger(), nullable=False),
    *(each for each in more if isinstance(each, sa.Column)),
    sa.PrimaryKeyConstraint('mailbox_id', 'uid', name=op.f('pk_placement')),
    *(each for each in more if not isinstance(each, sa.Column)),
    sqlite_with_rowid=False
    )


def _index_placement() -> None:
    op.drop_table('old_placement')
    op.create_index(op.f('ix_placement_message_id'), 'placement', ['message_id'])
    op.create_index('ix_placement_touched', 'placement', ['mailbox_id', 'modseq'], **_TOUCHED)


def _make_expunged(
    *first: str, key: tuple[str, ...] = (), more: list[sa.ForeignKeyConstraint] | None = None
) -> None:
    _put_aside('expunged')
    kinds = {'mailbox_id': _Id, 'modseq': sa.BigInteger(), 'uid': sa.BigInteger()}
    key = key or first
    op.create_table('expunged',
    *(sa.Column(name, kinds[name], autoincrement=False, nullable=False) for name in first),
    sa.Column('message_id', _Id, nullable=False),
    sa.Column('flags', sa.BigInteger(), nullable=False),
    sa.Column('internal_date', sa.BigInteger(), nullable=False),
    sa.Column('expunged_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint(*key, name=op.f('pk_expunged')),
    *(more or ()),
    sqlite_with_rowid=False
    )


def _index_expunged() -> None:
    op.drop_table('old_expunged')
    op.create_index(op.f('ix_expunged_message_id'), 'expunged', ['message_id'])
    op.create_index(op.f('ix_expunged_expunged_at'), 'expunged', ['expunged_at'])
