"""Run by Alembic for every command; the connection is handed in by ``directory.migrations.upgrade``."""

from alembic import context

from directory.tables import metadata

connection = context.config.attributes["connection"]
# batch mode lets later steps alter columns on SQLite too
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
