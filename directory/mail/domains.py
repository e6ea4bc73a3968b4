"""The mail domains of the city."""

from __future__ import annotations

from sqlalchemy import insert, update

from directory.database import Writing
from directory.faults import Fault
from directory.mail.addresses import domain_to_ascii, is_local_domain, local_domains
from directory.record import record
from directory.tables import domain, state


def add_domain(conn: Writing, actor: str, name: str, *, primary: bool = False) -> str:
    """A mail domain of the city; the first is primary.  Raises Fault."""
    wanted = domain_to_ascii(name.strip().rstrip("."))
    if not wanted or "@" in wanted or " " in wanted:
        raise Fault("address-malformed", address=name)
    if is_local_domain(conn, wanted):
        raise Fault("domain-exists", domain=wanted)
    is_primary = primary or not local_domains(conn)
    if is_primary:
        conn.execute(update(domain).values(is_primary=False))
    conn.execute(insert(domain), {"name": wanted, "is_primary": is_primary})
    # from the founding on the housekeeper knows which days it has yet to go through
    conn.execute(update(state).where(state.c.day == "").values(day=conn.today))
    record(conn, actor, "domain.add", wanted, primary=is_primary)
    return wanted
