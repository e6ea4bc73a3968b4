"""What mail clients' lists ask of messages, in narrow tables of its own"""

import sqlalchemy as sa
from alembic import op

from mailserver.message.trace import trace_end

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# Messages at a time: a header can be large.
_BATCH = 500


def upgrade() -> None:
    _make("message_listing", "envelope", "bodystructure")
    _make("message_header", "fields")
    op.execute("INSERT INTO message_listing SELECT id, envelope, bodystructure FROM message ORDER BY id")
    op.drop_column("message", "envelope")
    op.drop_column("message", "bodystructure")
    op.execute("ALTER TABLE message_octets RENAME COLUMN header TO trace")
    connection = op.get_bind()
    octets = sa.table("message_octets", sa.column("message_id"), sa.column("trace", sa.LargeBinary()))
    header = sa.table("message_header", sa.column("message_id"), sa.column("fields", sa.LargeBinary()))
    wanted = sa.select(octets.c.message_id, octets.c.trace).order_by(octets.c.message_id).limit(_BATCH)
    shorten = octets.update().where(octets.c.message_id == sa.bindparam("id")).values(trace=sa.bindparam("head"))
    last = 0
    while rows := connection.execute(wanted.where(octets.c.message_id > last)).all():
        ends = [(number, block, trace_end(block)) for number, block in rows]
        connection.execute(
            header.insert(), [{"message_id": number, "fields": block[end:]} for number, block, end in ends]
        )
        connection.execute(shorten, [{"id": number, "head": block[:end]} for number, block, end in ends])
        last = rows[-1][0]


def _make(table: str, *columns: str) -> None:
    op.create_table(
        table,
        sa.Column("message_id", _Id, autoincrement=False, nullable=False),
        *(sa.Column(name, sa.LargeBinary(), nullable=False) for name in columns),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f(f"fk_{table}_message_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f(f"pk_{table}")),
    )


def downgrade() -> None:
    message = sa.table("message", *map(sa.column, ("id", "envelope", "bodystructure")))
    listing = sa.table("message_listing", *map(sa.column, ("message_id", "envelope", "bodystructure")))
    octets = sa.table("message_octets", *map(sa.column, ("message_id", "trace")))
    header = sa.table("message_header", *map(sa.column, ("message_id", "fields")))
    fields = sa.select(header.c.fields).where(header.c.message_id == octets.c.message_id).scalar_subquery()
    op.execute(octets.update().values(trace=sa.cast(octets.c.trace.op("||")(fields), sa.LargeBinary)))
    op.execute("ALTER TABLE message_octets RENAME COLUMN trace TO header")
    for name in ("envelope", "bodystructure"):
        op.add_column("message", sa.Column(name, sa.LargeBinary(), server_default="", nullable=False))
        kept = sa.select(listing.c[name]).where(listing.c.message_id == message.c.id).scalar_subquery()
        op.execute(message.update().values({name: kept}))
    op.drop_table("message_header")
    op.drop_table("message_listing")
