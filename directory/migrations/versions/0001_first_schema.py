"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('audit_record',
    sa.Column('number', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('actor', sa.String(length=100), nullable=False),
    sa.Column('action', sa.String(length=60), nullable=False),
    sa.Column('subject', sa.String(length=254), nullable=False),
    sa.Column('details', sa.Text(), nullable=False),
    sa.Column('previous', sa.String(length=64), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.PrimaryKeyConstraint('number', name=op.f('pk_audit_record')),
    sa.UniqueConstraint('digest', name=op.f('uq_audit_record_digest')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_audit_record_subject'), 'audit_record', ['subject'], unique=False)
    op.create_table('directory_state',
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('day', sa.String(length=10), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_directory_state'))
    )
    op.create_table('domain',
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('is_primary', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_domain')),
    sqlite_with_rowid=False
    )
    op.create_table('mail_group',
    sa.Column('id', sa.String(length=16), nullable=False),
    sa.Column('address', sa.String(length=254).with_variant(sa.String(length=254, collation='C'), 'postgresql'), nullable=False),
    sa.Column('name', sa.String(length=300), nullable=False),
    sa.Column('posting', sa.String(length=10), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('closed_at', sa.BigInteger(), nullable=True),
    sa.CheckConstraint("posting IN ('anyone', 'internal', 'members', 'named')", name=op.f('ck_mail_group_posting')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mail_group')),
    sa.UniqueConstraint('address', name=op.f('uq_mail_group_address')),
    sqlite_with_rowid=False
    )
    op.create_table('person',
    sa.Column('id', sa.String(length=16), nullable=False),
    sa.Column('employee_code', sa.String(length=40), nullable=True),
    sa.Column('full_name', sa.String(length=200), nullable=False),
    sa.Column('family_name', sa.String(length=100), nullable=False),
    sa.Column('middle_name', sa.String(length=100), nullable=False),
    sa.Column('given_name', sa.String(length=100), nullable=False),
    sa.Column('folded_name', sa.String(length=300), nullable=False),
    sa.Column('sort_key', sa.LargeBinary(), nullable=False),
    sa.Column('phone', sa.String(length=40), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('left_on', sa.String(length=10), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_person')),
    sa.UniqueConstraint('employee_code', name=op.f('uq_person_employee_code')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_person_sort_key'), 'person', ['sort_key'], unique=False)
    op.create_table('position',
    sa.Column('id', sa.String(length=16), nullable=False),
    sa.Column('code', sa.String(length=60), nullable=False),
    sa.Column('title', sa.String(length=200), nullable=False),
    sa.Column('title_en', sa.String(length=200), nullable=False),
    sa.Column('rank', sa.SmallInteger(), nullable=False),
    sa.Column('is_clerk', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_position')),
    sa.UniqueConstraint('code', name=op.f('uq_position_code')),
    sqlite_with_rowid=False
    )
    op.create_table('search_entry',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('subject_id', sa.String(length=16), nullable=False),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('address', sa.String(length=254).with_variant(sa.String(length=254, collation='C'), 'postgresql'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_search_entry')),
    sa.UniqueConstraint('subject_id', name=op.f('uq_search_entry_subject_id'))
    )
    op.create_index(op.f('ix_search_entry_address'), 'search_entry', ['address'], unique=False)
    op.create_table('unit',
    sa.Column('id', sa.String(length=16), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_unit')),
    sqlite_with_rowid=False
    )
    op.create_table('unit_type',
    sa.Column('code', sa.String(length=40), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('name_en', sa.String(length=200), nullable=False),
    sa.Column('valid_from', sa.String(length=10), nullable=False),
    sa.Column('valid_until', sa.String(length=10), nullable=True),
    sa.PrimaryKeyConstraint('code', name=op.f('pk_unit_type')),
    sqlite_with_rowid=False
    )
    op.create_table('account',
    sa.Column('id', sa.String(length=16), nullable=False),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('login', sa.String(length=254).with_variant(sa.String(length=254, collation='C'), 'postgresql'), nullable=False),
    sa.Column('status', sa.String(length=10), nullable=False),
    sa.Column('name', sa.String(length=300), nullable=False),
    sa.Column('title', sa.String(length=300), nullable=False),
    sa.Column('unit_name', sa.String(length=300), nullable=False),
    sa.Column('sort_key', sa.LargeBinary(), nullable=False),
    sa.Column('person_id', sa.String(length=16), nullable=True),
    sa.Column('unit_id', sa.String(length=16), nullable=True),
    sa.Column('password_hash', sa.String(length=200), nullable=True),
    sa.Column('password_set_at', sa.BigInteger(), nullable=True),
    sa.Column('must_change_password', sa.Boolean(), nullable=False),
    sa.Column('quota_bytes', sa.BigInteger(), nullable=False),
    sa.Column('language', sa.String(length=5), nullable=False),
    sa.Column('is_admin', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('closed_at', sa.BigInteger(), nullable=True),
    sa.CheckConstraint("kind IN ('person', 'unit', 'role')", name=op.f('ck_account_kind')),
    sa.CheckConstraint("status IN ('active', 'locked', 'closed')", name=op.f('ck_account_status')),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_account_person_id')),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_account_unit_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_account')),
    sa.UniqueConstraint('login', name=op.f('uq_account_login')),
    sa.UniqueConstraint('person_id', name=op.f('uq_account_person_id')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_account_person_id_status'), 'account', ['person_id', 'status'], unique=False)
    op.create_index('ix_account_posted', 'account', ['kind', 'status', 'unit_id'], unique=False)
    op.create_index(op.f('ix_account_sort_key'), 'account', ['sort_key'], unique=False)
    op.create_index(op.f('ix_account_unit_id'), 'account', ['unit_id'], unique=False)
    op.create_table('appointment',
    sa.Column('id', sa.String(length=16), nullable=False),
    sa.Column('person_id', sa.String(length=16), nullable=False),
    sa.Column('unit_id', sa.String(length=16), nullable=False),
    sa.Column('position_id', sa.String(length=16), nullable=False),
    sa.Column('title', sa.String(length=200), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('is_primary', sa.Boolean(), nullable=False),
    sa.Column('rank', sa.SmallInteger(), nullable=False),
    sa.Column('valid_from', sa.String(length=10), nullable=False),
    sa.Column('valid_until', sa.String(length=10), nullable=True),
    sa.Column('decision', sa.String(length=100), nullable=False),
    sa.CheckConstraint("kind IN ('substantive', 'acting', 'seconded')", name=op.f('ck_appointment_kind')),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_appointment_person_id')),
    sa.ForeignKeyConstraint(['position_id'], ['position.id'], name=op.f('fk_appointment_position_id')),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_appointment_unit_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_appointment')),
    sqlite_with_rowid=False
    )
    op.create_index('ix_appointment_holders', 'appointment', ['unit_id', 'position_id', 'valid_from', 'valid_until', 'person_id'], unique=False)
    op.create_index(op.f('ix_appointment_person_id'), 'appointment', ['person_id'], unique=False)
    op.create_index('ix_appointment_positions', 'appointment', ['position_id', 'valid_from', 'valid_until', 'person_id'], unique=False)
    op.create_table('group_nested',
    sa.Column('group_id', sa.String(length=16), nullable=False),
    sa.Column('member_id', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['group_id'], ['mail_group.id'], name=op.f('fk_group_nested_group_id')),
    sa.ForeignKeyConstraint(['member_id'], ['mail_group.id'], name=op.f('fk_group_nested_member_id')),
    sa.PrimaryKeyConstraint('group_id', 'member_id', name=op.f('pk_group_nested')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_group_nested_member_id'), 'group_nested', ['member_id'], unique=False)
    op.create_table('group_outside',
    sa.Column('group_id', sa.String(length=16), nullable=False),
    sa.Column('address', sa.String(length=254).with_variant(sa.String(length=254, collation='C'), 'postgresql'), nullable=False),
    sa.ForeignKeyConstraint(['group_id'], ['mail_group.id'], name=op.f('fk_group_outside_group_id')),
    sa.PrimaryKeyConstraint('group_id', 'address', name=op.f('pk_group_outside')),
    sqlite_with_rowid=False
    )
    op.create_table('group_rule',
    sa.Column('id', sa.String(length=16), nullable=False),
    sa.Column('group_id', sa.String(length=16), nullable=False),
    sa.Column('unit_id', sa.String(length=16), nullable=True),
    sa.Column('unit_type', sa.String(length=40), nullable=True),
    sa.Column('position_id', sa.String(length=16), nullable=True),
    sa.ForeignKeyConstraint(['group_id'], ['mail_group.id'], name=op.f('fk_group_rule_group_id')),
    sa.ForeignKeyConstraint(['position_id'], ['position.id'], name=op.f('fk_group_rule_position_id')),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_group_rule_unit_id')),
    sa.ForeignKeyConstraint(['unit_type'], ['unit_type.code'], name=op.f('fk_group_rule_unit_type')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_group_rule')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_group_rule_group_id'), 'group_rule', ['group_id'], unique=False)
    op.create_table('search_word',
    sa.Column('word', sa.String(length=40).with_variant(sa.String(length=40, collation='C'), 'postgresql'), nullable=False),
    sa.Column('rank', sa.SmallInteger(), nullable=False),
    sa.Column('entry_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.ForeignKeyConstraint(['entry_id'], ['search_entry.id'], name=op.f('fk_search_word_entry_id')),
    sa.PrimaryKeyConstraint('word', 'rank', 'entry_id', name=op.f('pk_search_word')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_search_word_entry_id_word'), 'search_word', ['entry_id', 'word'], unique=False)
    op.create_table('unit_succession',
    sa.Column('old_id', sa.String(length=16), nullable=False),
    sa.Column('new_id', sa.String(length=16), nullable=False),
    sa.Column('effective', sa.String(length=10), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('decision', sa.String(length=100), nullable=False),
    sa.CheckConstraint("kind IN ('merge', 'split', 'rename', 'dissolve', 'reparent')", name=op.f('ck_unit_succession_kind')),
    sa.ForeignKeyConstraint(['new_id'], ['unit.id'], name=op.f('fk_unit_succession_new_id')),
    sa.ForeignKeyConstraint(['old_id'], ['unit.id'], name=op.f('fk_unit_succession_old_id')),
    sa.PrimaryKeyConstraint('old_id', 'new_id', 'effective', name=op.f('pk_unit_succession')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_unit_succession_new_id'), 'unit_succession', ['new_id'], unique=False)
    op.create_table('unit_version',
    sa.Column('unit_id', sa.String(length=16), nullable=False),
    sa.Column('valid_from', sa.String(length=10), nullable=False),
    sa.Column('valid_until', sa.String(length=10), nullable=True),
    sa.Column('name', sa.String(length=300), nullable=False),
    sa.Column('short_name', sa.String(length=60), nullable=False),
    sa.Column('folded_name', sa.String(length=400), nullable=False),
    sa.Column('type', sa.String(length=40), nullable=False),
    sa.Column('parent_id', sa.String(length=16), nullable=True),
    sa.Column('agency_code', sa.String(length=40), nullable=False),
    sa.Column('sort_order', sa.Integer(), nullable=False),
    sa.Column('decision', sa.String(length=100), nullable=False),
    sa.ForeignKeyConstraint(['parent_id'], ['unit.id'], name=op.f('fk_unit_version_parent_id')),
    sa.ForeignKeyConstraint(['type'], ['unit_type.code'], name=op.f('fk_unit_version_type')),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_unit_version_unit_id')),
    sa.PrimaryKeyConstraint('unit_id', 'valid_from', name=op.f('pk_unit_version')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_unit_version_parent_id'), 'unit_version', ['parent_id'], unique=False)
    op.create_index(op.f('ix_unit_version_short_name'), 'unit_version', ['short_name'], unique=False)
    op.create_table('address',
    sa.Column('address', sa.String(length=254).with_variant(sa.String(length=254, collation='C'), 'postgresql'), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('account_id', sa.String(length=16), nullable=True),
    sa.Column('group_id', sa.String(length=16), nullable=True),
    sa.Column('forward_to', sa.String(length=254).with_variant(sa.String(length=254, collation='C'), 'postgresql'), nullable=True),
    sa.Column('until', sa.String(length=10), nullable=True),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("state IN ('active', 'redirect', 'retired')", name=op.f('ck_address_state')),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_address_account_id')),
    sa.ForeignKeyConstraint(['group_id'], ['mail_group.id'], name=op.f('fk_address_group_id')),
    sa.PrimaryKeyConstraint('address', name=op.f('pk_address')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_address_account_id'), 'address', ['account_id'], unique=False)
    op.create_index(op.f('ix_address_group_id'), 'address', ['group_id'], unique=False)
    op.create_table('group_account',
    sa.Column('group_id', sa.String(length=16), nullable=False),
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_group_account_account_id')),
    sa.ForeignKeyConstraint(['group_id'], ['mail_group.id'], name=op.f('fk_group_account_group_id')),
    sa.PrimaryKeyConstraint('group_id', 'account_id', name=op.f('pk_group_account')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_group_account_account_id'), 'group_account', ['account_id'], unique=False)
    op.create_table('group_poster',
    sa.Column('group_id', sa.String(length=16), nullable=False),
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_group_poster_account_id')),
    sa.ForeignKeyConstraint(['group_id'], ['mail_group.id'], name=op.f('fk_group_poster_group_id')),
    sa.PrimaryKeyConstraint('group_id', 'account_id', name=op.f('pk_group_poster')),
    sqlite_with_rowid=False
    )
    op.create_table('mailbox_right',
    sa.Column('mailbox_id', sa.String(length=16), nullable=False),
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.Column('may_read', sa.Boolean(), nullable=False),
    sa.Column('may_send', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_mailbox_right_account_id')),
    sa.ForeignKeyConstraint(['mailbox_id'], ['account.id'], name=op.f('fk_mailbox_right_mailbox_id')),
    sa.PrimaryKeyConstraint('mailbox_id', 'account_id', name=op.f('pk_mailbox_right')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_mailbox_right_account_id'), 'mailbox_right', ['account_id'], unique=False)
    op.create_table('web_session',
    sa.Column('token_hash', sa.String(length=64), nullable=False),
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.Column('started_at', sa.BigInteger(), nullable=False),
    sa.Column('seen_at', sa.BigInteger(), nullable=False),
    sa.Column('user_agent', sa.String(length=300), nullable=False),
    sa.Column('client', sa.String(length=45), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_web_session_account_id')),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_web_session')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_web_session_account_id'), 'web_session', ['account_id'], unique=False)
    op.execute("INSERT INTO directory_state (id, version, day) VALUES (1, 1, '')")
