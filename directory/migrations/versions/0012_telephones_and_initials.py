"""Telephone numbers, and initials of units, among the words by which officials are found."""

import sqlalchemy as sa
from alembic import op

from directory.words.search_index import phone_word, unit_initials

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_AT_ONCE = 1000


def upgrade() -> None:
    connection = op.get_bind()
    # the rank of a word that is not the given name: any of those there are, behind the first thousand
    people = connection.exec_driver_sql(
        "SELECT e.id, p.phone, a.unit_name,"
        " (SELECT max(w.rank) FROM search_word w WHERE w.entry_id = e.id AND w.rank >= 1000) AS rank"
        " FROM search_entry e JOIN account a ON a.id = e.subject_id JOIN person p ON p.id = a.person_id"
    ).all()
    for start in range(0, len(people), _AT_ONCE):
        values = [
            {"word": word, "rank": row.rank, "entry": row.id}
            for row in people[start : start + _AT_ONCE]
            if row.rank is not None
            for word in {phone_word(row.phone), *unit_initials(row.unit_name)} - {""}
        ]
        if values:
            connection.execute(
                sa.text(
                    "INSERT INTO search_word (word, rank, entry_id)"
                    " SELECT CAST(:word AS VARCHAR(40)), CAST(:rank AS SMALLINT), CAST(:entry AS BIGINT)"
                    " WHERE NOT EXISTS (SELECT 1 FROM search_word WHERE entry_id = CAST(:entry AS BIGINT)"
                    " AND word = CAST(:word AS VARCHAR(40)))"
                ),
                values,
            )
