"""What is remembered of other servers: TLS, MTA-STS policies, how it went"""

import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'tls_peer',
        sa.Column('host', sa.Text(), nullable=False),
        sa.Column('spoke_tls_at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('host', name=op.f('pk_tls_peer')),
        sqlite_with_rowid=False,
    )
    op.create_table(
        'sts_policy',
        sa.Column('domain', sa.Text(), nullable=False),
        sa.Column('policy_id', sa.Text(), nullable=False),
        sa.Column('policy', sa.LargeBinary(), nullable=False),
        sa.Column('binds_until', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('domain', name=op.f('pk_sts_policy')),
        sqlite_with_rowid=False,
    )
    op.create_table(
        'tls_outcome',
        sa.Column('day', sa.Text(), nullable=False),
        sa.Column('domain', sa.Text(), nullable=False),
        sa.Column('policy', sa.Text(), nullable=False),
        sa.Column('result', sa.Text(), nullable=False),
        sa.Column('host', sa.Text(), nullable=False),
        sa.Column('address', sa.Text(), nullable=False),
        sa.Column('detail', sa.Text(), nullable=False),
        sa.Column('sessions', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            'day', 'domain', 'policy', 'result', 'host', 'address', 'detail', name=op.f('pk_tls_outcome')
        ),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for name in ('tls_outcome', 'sts_policy', 'tls_peer'):
        op.drop_table(name)
