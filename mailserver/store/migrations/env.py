"""Alembic's entry: the connection comes from ``mailserver.store.migrate``."""

from alembic import context

from mailserver.store.migrate import VERSION_TABLE
from mailserver.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
