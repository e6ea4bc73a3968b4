"""Keys that outgoing mail is signed with."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('dkim_key',
    sa.Column('domain', sa.String(length=255), nullable=False),
    sa.Column('selector', sa.String(length=63), nullable=False),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('record', sa.Text(), nullable=False),
    sa.Column('secret', sa.LargeBinary(), nullable=True),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('published_at', sa.BigInteger(), nullable=True),
    sa.Column('activated_at', sa.BigInteger(), nullable=True),
    sa.Column('retired_at', sa.BigInteger(), nullable=True),
    sa.CheckConstraint("kind IN ('rsa', 'ed25519')", name=op.f('ck_dkim_key_kind')),
    sa.CheckConstraint("state IN ('made', 'published', 'active', 'retired', 'removed')", name=op.f('ck_dkim_key_state')),
    sa.ForeignKeyConstraint(['domain'], ['domain.name'], name=op.f('fk_dkim_key_domain')),
    sa.PrimaryKeyConstraint('domain', 'selector', name=op.f('pk_dkim_key')),
    sqlite_with_rowid=False
    )
