"""Names beside the words that stand in them, and whose an address is told by its index alone."""

import sqlalchemy as sa
from alembic import op

from directory.tables.columns import FoldedText

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('search_word', sa.Column('name', FoldedText, server_default='', nullable=False))
    entry = "SELECT e.name FROM search_entry e WHERE e.id = search_word.entry_id"
    place = "strpos" if op.get_bind().dialect.name == "postgresql" else "instr"
    op.execute(
        f"UPDATE search_word SET name = ({entry}) WHERE {place}(({entry}), word) > 0"  # noqa: S608
    )
    op.drop_index('ix_address_account_id', table_name='address')
    op.create_index('ix_address_account_id_state', 'address', ['account_id', 'state'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_address_account_id_state', table_name='address')
    op.create_index('ix_address_account_id', 'address', ['account_id'], unique=False)
    op.drop_column('search_word', 'name')
