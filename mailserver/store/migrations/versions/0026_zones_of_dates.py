"""The zones that internal dates were given in"""

import sqlalchemy as sa
from alembic import op

revision = '0026'
down_revision = '0025'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('placement', sa.Column('zone', sa.SmallInteger()))
    op.add_column('expunged', sa.Column('zone', sa.SmallInteger()))


def downgrade() -> None:
    op.drop_column('expunged', 'zone')
    op.drop_column('placement', 'zone')
