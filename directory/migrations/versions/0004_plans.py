"""Plans of reorganisation, and each row that they changed."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('plan',
    sa.Column('id', sa.String(length=16), nullable=False),
    sa.Column('title', sa.String(length=200), nullable=False),
    sa.Column('effective', sa.String(length=10), nullable=False),
    sa.Column('decision', sa.String(length=100), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('author', sa.String(length=100), nullable=False),
    sa.Column('proposed_at', sa.BigInteger(), nullable=False),
    sa.Column('approver', sa.String(length=100), nullable=False),
    sa.Column('applied_at', sa.BigInteger(), nullable=True),
    sa.Column('problem', sa.Text(), nullable=False),
    sa.CheckConstraint(
        "state IN ('proposed', 'approved', 'blocked', 'applied', 'undone', 'withdrawn')", name=op.f('ck_plan_state')
    ),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_plan')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_plan_state_effective'), 'plan', ['state', 'effective'])
    op.create_table('plan_change',
    sa.Column('plan_id', sa.String(length=16), nullable=False),
    sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('table_name', sa.String(length=40), nullable=False),
    sa.Column('row_key', sa.Text(), nullable=False),
    sa.Column('before', sa.Text(), nullable=True),
    sa.Column('after', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['plan_id'], ['plan.id'], name=op.f('fk_plan_change_plan_id')),
    sa.PrimaryKeyConstraint('plan_id', 'number', name=op.f('pk_plan_change')),
    sqlite_with_rowid=False
    )
