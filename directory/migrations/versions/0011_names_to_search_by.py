"""Whole names in the search index, and everybody who is shown in the order of a list."""

import sqlalchemy as sa
from alembic import op

from directory.words.search_index import folded_name

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_AT_ONCE = 1000


def upgrade() -> None:
    name = sa.String(length=300).with_variant(sa.String(length=300, collation='C'), 'postgresql')
    op.add_column('search_entry', sa.Column('name', name, server_default='', nullable=False))
    connection = op.get_bind()
    for table in ('account', 'mail_group'):
        rows = connection.exec_driver_sql(
            f"SELECT e.id, s.name FROM search_entry e JOIN {table} s ON s.id = e.subject_id"  # noqa: S608
        ).all()
        for start in range(0, len(rows), _AT_ONCE):
            values = [{'entry': row.id, 'name': folded_name(row.name)} for row in rows[start:start + _AT_ONCE]]
            connection.execute(sa.text("UPDATE search_entry SET name = :name WHERE id = :entry"), values)
    op.create_index(op.f('ix_search_entry_name'), 'search_entry', ['name'], unique=False)
    is_open = sa.text("status != 'closed'")
    op.create_index(
        'ix_account_listed', 'account', ['sort_key', 'id'], unique=False, sqlite_where=is_open, postgresql_where=is_open
    )
