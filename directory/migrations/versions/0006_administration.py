"""Delegated administration, approvals by a second one, and groups that are moderated or hide their members."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('delegation',
    sa.Column('id', sa.String(length=16), nullable=False),
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.Column('role', sa.String(length=20), nullable=False),
    sa.Column('unit_id', sa.String(length=16), nullable=True),
    sa.Column('attributes', sa.String(length=200), nullable=False),
    sa.Column('below_rank', sa.SmallInteger(), nullable=True),
    sa.Column('valid_until', sa.String(length=10), nullable=True),
    sa.Column('granted_by', sa.String(length=100), nullable=False),
    sa.Column('granted_at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_delegation_account_id')),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_delegation_unit_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_delegation')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_delegation_account_id'), 'delegation', ['account_id'])
    op.create_table('approval_rule',
    sa.Column('operation', sa.String(length=60), nullable=False),
    sa.Column('from_rank', sa.SmallInteger(), nullable=True),
    sa.PrimaryKeyConstraint('operation', name=op.f('pk_approval_rule')),
    sqlite_with_rowid=False
    )
    op.create_table('approval_request',
    sa.Column('id', sa.String(length=16), nullable=False),
    sa.Column('account_id', sa.String(length=16), nullable=False),
    sa.Column('operation', sa.String(length=60), nullable=False),
    sa.Column('subject', sa.String(length=254), nullable=False),
    sa.Column('details', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('asked_at', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('decided_by', sa.String(length=254), nullable=False),
    sa.Column('decided_at', sa.BigInteger(), nullable=True),
    sa.CheckConstraint(
        "state IN ('asked', 'approved', 'declined', 'done')", name=op.f('ck_approval_request_state')
    ),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_approval_request_account_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_approval_request')),
    sqlite_with_rowid=False
    )
    op.create_index(
        op.f('ix_approval_request_account_id_operation_subject'),
        'approval_request',
        ['account_id', 'operation', 'subject'],
    )
    # Alembic adds no column with a foreign key on SQLite, though SQLite and PostgreSQL both do it in these words.
    op.execute("ALTER TABLE mail_group ADD COLUMN unit_id VARCHAR(16) CONSTRAINT fk_mail_group_unit_id REFERENCES unit (id)")
    op.add_column('mail_group', sa.Column('is_moderated', sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column('mail_group', sa.Column('hides_members', sa.Boolean(), server_default=sa.false(), nullable=False))
    for name, column, target, key in (
        ('group_poster_group', 'poster_id', 'mail_group.id', 'fk_group_poster_group_poster_id'),
        ('group_poster_unit', 'unit_id', 'unit.id', 'fk_group_poster_unit_unit_id'),
        ('group_moderator', 'account_id', 'account.id', 'fk_group_moderator_account_id'),
    ):
        op.create_table(name,
        sa.Column('group_id', sa.String(length=16), nullable=False),
        sa.Column(column, sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(['group_id'], ['mail_group.id'], name=op.f(f'fk_{name}_group_id')),
        sa.ForeignKeyConstraint([column], [target], name=op.f(key)),
        sa.PrimaryKeyConstraint('group_id', column, name=op.f(f'pk_{name}')),
        sqlite_with_rowid=False
        )
    op.create_index(op.f('ix_group_moderator_account_id'), 'group_moderator', ['account_id'])
