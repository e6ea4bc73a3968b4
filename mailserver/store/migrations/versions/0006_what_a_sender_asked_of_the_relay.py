"""What a sender asked of the relay: binary, TLS, priority, a deadline, a later release"""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('spool_item', sa.Column('is_binary', sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column('spool_item', sa.Column('require_tls', sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column('spool_item', sa.Column('tls_optional', sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column('spool_item', sa.Column('priority', sa.Integer(), server_default='0', nullable=False))
    op.add_column('spool_item', sa.Column('deliver_by', sa.BigInteger(), server_default='0', nullable=False))
    op.add_column('spool_item', sa.Column('deliver_by_mode', sa.Text(), server_default='', nullable=False))
    op.add_column('spool_item', sa.Column('release_at', sa.BigInteger(), server_default='0', nullable=False))


def downgrade() -> None:
    for name in (
        'release_at', 'deliver_by_mode', 'deliver_by', 'priority', 'tls_optional', 'require_tls', 'is_binary'
    ):  # fmt: skip
        op.drop_column('spool_item', name)
