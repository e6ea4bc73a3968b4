"""Quarantined addresses, who has not started yet, dated rights, holders by appointment; departures and custody; photos."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ADDRESS = sa.String(length=254).with_variant(sa.String(length=254, collation='C'), 'postgresql')
_STATE = "state IN ('active', 'redirect', 'quarantined', 'retired')"


def upgrade() -> None:
    _more_states_of_addresses()
    op.execute("ALTER TABLE account ADD COLUMN opens_on VARCHAR(10)")
    op.execute("ALTER TABLE mailbox_right ADD COLUMN valid_until VARCHAR(10)")
    op.create_table('mailbox_post',
    sa.Column('mailbox_id', sa.String(length=16), nullable=False),
    sa.Column('unit_id', sa.String(length=16), nullable=False),
    sa.Column('position_id', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['mailbox_id'], ['account.id'], name=op.f('fk_mailbox_post_mailbox_id')),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_mailbox_post_unit_id')),
    sa.ForeignKeyConstraint(['position_id'], ['position.id'], name=op.f('fk_mailbox_post_position_id')),
    sa.PrimaryKeyConstraint('mailbox_id', 'unit_id', 'position_id', name=op.f('pk_mailbox_post')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_mailbox_post_unit_id_position_id'), 'mailbox_post', ['unit_id', 'position_id'])
    op.create_table('departure',
    sa.Column('id', sa.String(length=16), nullable=False),
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.Column('last_day', sa.String(length=10), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('redirect_to', _ADDRESS, nullable=True),
    sa.Column('redirect_until', sa.String(length=10), nullable=True),
    sa.Column('custodian_id', sa.String(length=16), nullable=True),
    sa.Column('custody_days', sa.Integer(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('decision', sa.String(length=100), nullable=False),
    sa.Column('actor', sa.String(length=100), nullable=False),
    sa.Column('ordered_at', sa.BigInteger(), nullable=False),
    sa.Column('changes', sa.Text(), nullable=False),
    sa.Column('problem', sa.Text(), nullable=False),
    sa.CheckConstraint("state IN ('planned', 'done', 'undone', 'withdrawn')", name=op.f('ck_departure_state')),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_departure_account_id')),
    sa.ForeignKeyConstraint(['custodian_id'], ['account.id'], name=op.f('fk_departure_custodian_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_departure')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_departure_account_id'), 'departure', ['account_id'])
    op.create_index(op.f('ix_departure_state_last_day'), 'departure', ['state', 'last_day'])
    op.create_table('custody',
    sa.Column('mailbox_id', sa.String(length=16), nullable=False),
    sa.Column('holder_id', sa.String(length=16), nullable=True),
    sa.Column('unit_id', sa.String(length=16), nullable=True),
    sa.Column('valid_from', sa.String(length=10), nullable=False),
    sa.Column('valid_until', sa.String(length=10), nullable=True),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('decision', sa.String(length=100), nullable=False),
    sa.CheckConstraint("holder_id IS NULL OR unit_id IS NULL", name=op.f('ck_custody_holder')),
    sa.ForeignKeyConstraint(['mailbox_id'], ['account.id'], name=op.f('fk_custody_mailbox_id')),
    sa.ForeignKeyConstraint(['holder_id'], ['account.id'], name=op.f('fk_custody_holder_id')),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_custody_unit_id')),
    sa.PrimaryKeyConstraint('mailbox_id', name=op.f('pk_custody')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_custody_holder_id'), 'custody', ['holder_id'])
    op.create_index(op.f('ix_custody_unit_id'), 'custody', ['unit_id'])
    op.create_table('person_photo',
    sa.Column('person_id', sa.String(length=16), nullable=False),
    sa.Column('media_type', sa.String(length=20), nullable=False),
    sa.Column('octets', sa.LargeBinary(), nullable=False),
    sa.Column('changed_at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_person_photo_person_id')),
    sa.PrimaryKeyConstraint('person_id', name=op.f('pk_person_photo')),
    sqlite_with_rowid=False
    )
    op.create_table('stale_person',
    sa.Column('person_id', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_stale_person_person_id')),
    sa.PrimaryKeyConstraint('person_id', name=op.f('pk_stale_person')),
    sqlite_with_rowid=False
    )


def _more_states_of_addresses() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f('ck_address_state'), 'address', type_='check')
        op.alter_column('address', 'state', type_=sa.String(length=20))
        op.create_check_constraint(op.f('ck_address_state'), 'address', _STATE)
        return
    # SQLite changes no constraint of a table that is there.
    op.drop_index(op.f('ix_address_account_id'), 'address')
    op.drop_index(op.f('ix_address_group_id'), 'address')
    op.rename_table('address', 'address_before')
    op.create_table('address',
    sa.Column('address', _ADDRESS, nullable=False),
    sa.Column('state', sa.String(length=20), nullable=False),
    sa.Column('account_id', sa.String(length=16), nullable=True),
    sa.Column('group_id', sa.String(length=16), nullable=True),
    sa.Column('forward_to', _ADDRESS, nullable=True),
    sa.Column('until', sa.String(length=10), nullable=True),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint(_STATE, name=op.f('ck_address_state')),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_address_account_id')),
    sa.ForeignKeyConstraint(['group_id'], ['mail_group.id'], name=op.f('fk_address_group_id')),
    sa.PrimaryKeyConstraint('address', name=op.f('pk_address')),
    sqlite_with_rowid=False
    )
    op.execute(
        "INSERT INTO address (address, state, account_id, group_id, forward_to, until, created_at)"
        " SELECT address, state, account_id, group_id, forward_to, until, created_at FROM address_before"
    )
    op.drop_table('address_before')
    op.create_index(op.f('ix_address_account_id'), 'address', ['account_id'])
    op.create_index(op.f('ix_address_group_id'), 'address', ['group_id'])
