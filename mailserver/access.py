"""Who may do what in which mailbox, and under which name it appears to him: the one place that decides.

Everybody has every right in his own mailboxes.  An official who is appointed to a unit's mailbox, or was given it by
name (``directory.mail.recipients.mailboxes_of``), works in all of it (``WORK``).  A closed mailbox is read by whoever
has custody of it, and by nobody else (``directory.mail.custody``).  Beyond that the access control lists count: what
the entries that mean the reader give, less what negative entries take away.  Nothing is remembered here, so an
appointment that ends, or a right that is withdrawn, holds from the next question on (the directory notices its own
changes within seconds, a change of day within a minute).

A mailbox of one's own has its plain name.  One of another person is ``Other Users/login/name``, one of a unit or a
role ``Shared/login/name``: plain ASCII, which every client shows right, and addresses, which unlike names of units are
unique and lasting.  The primary domain is left out, and a dot is written ``_``: programs that keep mail in folders of
their own take a dot for a separator.  An own mailbox that had such a name before goes first.

Standards: RFC 4314 §2, §4, §6; RFC 2342 (namespaces); RFC 9051 §6.3.10; RFC 6851 §3.3 (MOVE).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache

from sqlalchemy import Connection, bindparam, select

from directory.database import Question, Reading, Writing
from directory.mail.accounts import Account, account_ever_by_login, find_account
from directory.mail.addresses import normalise, owner_row, primary_domain
from directory.mail.custody import entrusted_to
from directory.mail.recipients import is_reached, mailboxes_of
from directory.tables import mail_group
from mailserver.refusals import CannotDo, LimitReached, NoSuchMailbox, NotPermitted
from mailserver.store import mailboxes, readers, rights
from mailserver.store.database import Transaction
from mailserver.store.flags import DELETED, SEEN
from mailserver.store.mailboxes import SEPARATOR, Mailbox
from mailserver.store.messages import ALL_FLAGS
from mailserver.store.readers import ReadersMailbox
from mailserver.store.rights import ALL, NONE, Entry, Rights

OTHER_USERS, SHARED = "Other Users", "Shared"
ROOTS = (OTHER_USERS, SHARED)
# Addresses that a city gives out have no "^" (directory.mail.addresses).
_TO_LEVEL, _FROM_LEVEL = str.maketrans("._", "_^"), str.maketrans("_^", "._")
# What one who is appointed to a unit's mailbox may do in it: all but decide who else may.
WORK: Rights = ALL - {"a"}
# What custody gives in a closed mailbox: to see and read it, and to change nothing, not even what is marked as read.
LOOK: Rights = frozenset("lr")
ANYONE = "anyone"
# Accounts whose mailboxes one reader is shown; no client can show more.
MAX_OWNERS = 500


class Act(Enum):
    """What is done to a mailbox → the rights it needs, all of them (RFC 4314 §4).

    What is done below a name (CREATE, the new name of RENAME) needs ``k`` on the nearest mailbox above it.
    """

    SEE = "l"  # LIST, and whether others' news of it are told
    READ = "r"  # SELECT, EXAMINE, STATUS, SEARCH in it
    INSERT = "i"  # APPEND; target of COPY and MOVE
    TAKE_OUT = "rte"  # source of MOVE: RFC 6851 §3.3 is COPY, STORE \Deleted and EXPUNGE in one
    EXPUNGE = "e"
    DELETE = "x"  # DELETE; old name of RENAME
    ADMINISTER = "a"  # SETACL, DELETEACL, GETACL, LISTRIGHTS


# RFC 4314 §4, MYRIGHTS: one of these is enough.
ANY_RIGHT = frozenset("lrikxa")


@dataclass(frozen=True, slots=True)
class Place:
    """A mailbox as a reader finds it.

    ``mailbox`` has the name and the count of unseen messages that the reader sees; ``own_name`` is its name among its
    owner's.  ``key`` stands for it in the store's functions: the id, or one that also names the reader.
    """

    mailbox: Mailbox
    own_name: str
    owner: Account
    rights: Rights
    key: int

    @property
    def allowed_flags(self) -> int:
        return allowed_flags(self.rights)

    def may(self, act: Act) -> bool:
        return self.rights.issuperset(act.value)


@lru_cache(maxsize=256)
def allowed_flags(having: Rights) -> int:
    r"""The flags that may be set and cleared, as a mask: ``s`` for \Seen, ``t`` for \Deleted, ``w`` for all others."""
    mask = 0
    for right, flags in (("s", SEEN), ("t", DELETED), ("w", ALL_FLAGS & ~SEEN & ~DELETED)):
        if right in having:
            mask |= flags
    return mask


def rights_in(directory: Reading | Writing, connection: Connection, reader_id: str, mailbox: Mailbox) -> Rights:
    """What an account may do in a mailbox."""
    if mailbox.account_id == reader_id:
        return ALL
    owner = find_account(directory, mailbox.account_id)
    if owner is None:
        return NONE
    if owner.status == "closed":
        return _rights_as_custodian(directory, reader_id, owner.id)
    return _reckoned(directory, reader_id, owner.id, rights.entries(connection, mailbox.id))


def _rights_as_custodian(directory: Reading | Writing, reader_id: str, owner_id: str) -> Rights:
    return LOOK if owner_id in entrusted_to(directory, reader_id) else NONE


def _reckoned(directory: Reading | Writing, reader_id: str, owner_id: str, entries: Iterable[Entry]) -> Rights:
    having = set(_rights_as_colleague(directory, reader_id, owner_id))
    taken: set[str] = set()
    for entry in entries:
        if _means(directory, entry.identifier, reader_id):
            (taken if entry.negative else having).update(entry.rights)
    return frozenset(having - taken)


def _rights_as_colleague(directory: Reading | Writing, reader_id: str, owner_id: str) -> Rights:
    return WORK if owner_id in mailboxes_of(directory, reader_id) else NONE


def _means(directory: Reading | Writing, identifier: str, reader_id: str) -> bool:
    """Whether an entry's identifier means the reader.  A unit's address means whoever works in its mailbox."""
    if identifier == ANYONE:
        return True
    kind, _, named = identifier.partition(":")
    if kind == "g":
        return is_reached(directory, named, reader_id)
    return named == reader_id or named in _stood_for(directory, reader_id)


def _stood_for(directory: Reading | Writing, reader_id: str) -> frozenset[str]:
    """Mailboxes of units and roles that the reader works in, and closed ones whose followers these are: what was given
    to a unit stays its successor's.
    """
    working = mailboxes_of(directory, reader_id)
    closed = (find_account(directory, each) for each in entrusted_to(directory, reader_id))
    return working.union(each.id for each in closed if each is not None and each.kind != "person")


def is_narrowed(directory: Reading | Writing, connection: Connection, reader_id: str, owner_id: str) -> bool:
    """Whether negative rights take something from a colleague in one of a unit's mailboxes.

    Who acts for the unit (webmail, authzid) does so as its owner, with every right; so a colleague from whom some were
    taken may not, and uses the mailboxes under their shared names instead.
    """
    return any(_means(directory, identifier, reader_id) for identifier in rights.taken_from(connection, owner_id))


# From names to mailboxes and back


def place_of(directory: Reading, connection: Connection, reader: Account, mailbox: Mailbox) -> Place:
    """A mailbox of the store, as the reader finds it, whatever his rights are."""
    if mailbox.account_id == reader.id:
        return Place(mailbox, mailbox.name, reader, ALL, mailbox.id)
    owner = find_account(directory, mailbox.account_id)
    if owner is None:
        raise NoSuchMailbox
    return _place(directory, connection, reader, owner, mailbox, rights_in(directory, connection, reader.id, mailbox))


def _place(
    directory: Reading, connection: Connection, reader: Account, owner: Account, mailbox: Mailbox, having: Rights
) -> Place:
    key = readers.key_of(connection, mailbox.id, reader.id)
    unseen = readers.unseen(connection, key) if isinstance(key, ReadersMailbox) else mailbox.unseen
    name = f"{root_of(directory, owner)}{SEPARATOR}{mailbox.name}"
    shown = mailbox._replace(name=name, unseen=unseen, special_use=None)
    return Place(shown, mailbox.name, owner, having, key)


def root_of(directory: Reading, owner: Account) -> str:
    """Under which name an account's mailboxes appear to others."""
    level = level_of(owner.login, primary_domain(directory))
    return f"{OTHER_USERS if owner.kind == 'person' else SHARED}{SEPARATOR}{level}"


def level_of(login: str, domain: str) -> str:
    """An address as a level of a mailbox name: ``van.thu@city.example`` is ``van_thu`` where the city has that
    domain.
    """
    return login.removesuffix(f"@{domain}").translate(_TO_LEVEL)


def login_of(level: str) -> str:
    """The way back; without a domain for an address of the primary one."""
    return level.translate(_FROM_LEVEL)


def owner_of_root(directory: Reading, root: str) -> Account | None:
    """Whose mailboxes appear under a name like ``Shared/login``."""
    owner = account_ever_by_login(directory, login_of(root.rpartition(SEPARATOR)[2]))
    if owner is None or root_of(directory, owner).casefold() != root.casefold():
        return None
    return owner


def find_own(connection: Connection, reader: Account, name: str) -> Place | None:
    """One of the reader's own mailboxes: asks no directory, for that is what nearly every command names."""
    own = mailboxes.find_mailbox(connection, reader.id, name)
    return None if own is None else Place(own, own.name, reader, ALL, own.id)


def find(directory: Reading, connection: Connection, reader: Account, name: str) -> Place | None:
    """The mailbox of that name, whatever the reader's rights in it; ``need`` is what most want."""
    own = find_own(connection, reader, name)
    if own is not None:
        return own
    owner, own_name = _split(directory, reader, name)
    if owner is None or owner.id == reader.id:
        return None
    found = mailboxes.find_mailbox(connection, owner.id, own_name)
    return None if found is None else place_of(directory, connection, reader, found)


def need(directory: Reading, connection: Connection, reader: Account, name: str, act: Act) -> Place:
    """The mailbox of that name, in which the reader may do this.

    Raises NoSuchMailbox, also for one whose existence he is not to know (RFC 4314 §6); NotPermitted.
    """
    place = find(directory, connection, reader, name)
    if place is None:
        raise NoSuchMailbox
    if not place.may(act):
        raise NotPermitted if "l" in place.rights else NoSuchMailbox
    return place


def _split(directory: Reading, reader: Account, name: str) -> tuple[Account | None, str]:
    """Whose mailbox a name is meant to be, and its name there.  None: nobody's."""
    try:
        name = mailboxes.normalise_name(name)
    except (CannotDo, LimitReached):
        return None, name
    levels = name.split(SEPARATOR, 2)
    if levels[0] not in ROOTS:
        return reader, name
    if len(levels) < 2:
        return None, name
    owner = owner_of_root(directory, SEPARATOR.join(levels[:2]))
    if owner is None or owner.id == reader.id:
        return None, name
    return owner, levels[2] if len(levels) > 2 else ""


def canonical(directory: Reading, reader: Account, name: str) -> str:
    """The one form of a name, as it is listed."""
    name = mailboxes.normalise_name(name)
    owner, own_name = _split(directory, reader, name)
    if owner is None or owner.id == reader.id or not own_name:
        return name
    return f"{root_of(directory, owner)}{SEPARATOR}{mailboxes.normalise_name(own_name)}"


def room_for_name(directory: Reading, connection: Connection, reader: Account, name: str) -> tuple[Account, str]:
    """In whose account, and under which name, a new mailbox of this name would be made.

    Raises NotPermitted where the reader may not make one: whether the owner, or a mailbox above, exists at all is not
    told (RFC 4314 §6).
    """
    owner, own_name = _split(directory, reader, name)
    if owner is not None and owner.id == reader.id:
        return owner, own_name
    mailboxes.normalise_name(name)
    if owner is None or not own_name:
        raise NotPermitted
    own_name = mailboxes.normalise_name(own_name)
    existing = mailboxes.find_mailbox(connection, owner.id, own_name)
    if existing is not None and "l" not in rights_in(directory, connection, reader.id, existing):
        raise NotPermitted
    levels = own_name.split(SEPARATOR)
    for depth in range(len(levels) - 1, 0, -1):
        above = mailboxes.find_mailbox(connection, owner.id, SEPARATOR.join(levels[:depth]))
        if above is not None:
            having = rights_in(directory, connection, reader.id, above)
            break
    else:
        having = _rights_as_colleague(directory, reader.id, owner.id)
    if "k" not in having:
        raise NotPermitted
    return owner, own_name


def visible(directory: Reading, connection: Connection, reader: Account) -> list[Place]:
    """Every mailbox that LIST may name to the reader: his own first, then other users', then units'."""
    own = mailboxes.list_mailboxes(connection, reader.id)
    places = [Place(mailbox, mailbox.name, reader, ALL, mailbox.id) for mailbox in own]
    taken = {mailbox.name for mailbox in own}
    chosen: set[str] | None = None
    for owner_id in _owners(directory, connection, reader):
        owner = find_account(directory, owner_id)
        if owner is None:
            continue
        if chosen is None:
            chosen = set(mailboxes.list_subscribed(connection, reader.id))
            declined = mailboxes.list_declined(connection, reader.id)
        entries = rights.entries_of_account(connection, owner_id)
        for mailbox in mailboxes.list_mailboxes(connection, owner_id):
            if owner.status == "closed":
                having = _rights_as_custodian(directory, reader.id, owner_id)
            else:
                having = _reckoned(directory, reader.id, owner_id, entries.get(mailbox.id, ()))
            if Act.SEE.value not in having:
                continue
            place = _place(directory, connection, reader, owner, mailbox, having)
            if place.mailbox.name not in taken:
                name = place.mailbox.name
                is_subscribed = name in chosen or (
                    name not in declined and _is_given(directory, reader.id, owner_id, entries.get(mailbox.id, ()))
                )
                places.append(replace(place, mailbox=place.mailbox._replace(subscribed=is_subscribed)))
    return places


def _is_given(directory: Reading, reader_id: str, owner_id: str, entries: Iterable[Entry]) -> bool:
    """Whether a mailbox is meant for the reader in particular.  Such a one is subscribed until he says otherwise: mail
    clients show nothing else.
    """
    if owner_id in mailboxes_of(directory, reader_id) or owner_id in entrusted_to(directory, reader_id):
        return True
    return any(
        not entry.negative and entry.identifier != ANYONE and _means(directory, entry.identifier, reader_id)
        for entry in entries
    )


def subscribed_names(connection: Connection, reader: Account, places: Iterable[Place]) -> set[str]:
    """What LIST (SUBSCRIBED) names to one who may see these places; chosen names need no mailbox (RFC 9051 §6.3.7)."""
    given = {place.mailbox.name for place in places if place.mailbox.subscribed}
    return given.union(mailboxes.list_subscribed(connection, reader.id))


def is_of_others(name: str) -> bool:
    """Whether a name is one under which others' mailboxes appear."""
    return name.startswith(tuple(root + SEPARATOR for root in ROOTS))


def _owners(directory: Reading, connection: Connection, reader: Account) -> list[str]:
    """Others who have a mailbox in which the reader may have rights; other users first, by address."""
    named = {ANYONE, f"a:{reader.id}", *(f"a:{unit}" for unit in _stood_for(directory, reader.id))}
    named.update(group for group in rights.groups_named(connection) if _means(directory, group, reader.id))
    given = mailboxes_of(directory, reader.id) | entrusted_to(directory, reader.id)
    ids = {*given, *rights.shared_with(connection, named)} - {reader.id}
    owners = [owner for owner in (find_account(directory, each) for each in ids) if owner is not None]
    owners.sort(key=lambda owner: (root_of(directory, owner), owner.id))
    return [owner.id for owner in owners[:MAX_OWNERS]]


# Identifiers of access control lists

_GROUP_ADDRESS = Question(select(mail_group.c.address).where(mail_group.c.id == bindparam("group")))


def parse_identifier(directory: Reading | Writing, text: str) -> tuple[str, bool] | None:
    """An identifier as it is kept, and whether it is a negative one; None for one that means nobody.

    Addresses of officials, units and groups, and ``anyone``; with a dash before it, what it gives is taken away.
    """
    negative, text = text.startswith("-"), text.removeprefix("-")
    if text.casefold() == ANYONE:
        return ANYONE, negative
    row = owner_row(directory, normalise(text if "@" in text else f"{text}@{primary_domain(directory)}"))
    if row is None or row.state != "active":
        return None
    if row.account_id is not None:
        return f"a:{row.account_id}", negative
    return None if row.group_id is None else (f"g:{row.group_id}", negative)


def show_identifier(directory: Reading | Writing, entry: Entry) -> str | None:
    """The identifier of an entry as clients see it; None when whom it meant is no more."""
    kind, _, named = entry.identifier.partition(":")
    if entry.identifier == ANYONE:
        shown = ANYONE
    elif kind == "g":
        row = directory.row(_GROUP_ADDRESS, group=named)
        if row is None:
            return None
        shown = row[0]
    else:
        account = find_account(directory, named)
        if account is None or account.status == "closed":
            return None
        shown = account.login
    return f"-{shown}" if entry.negative else shown


def give(tx: Transaction, mailbox_id: int, entry: Entry) -> None:
    """Put an entry into a mailbox's list, in place of what the identifier had; without rights it only goes.

    Whom it means is to look which mailboxes he sees now (RFC 5465 §5.4).  Raises LimitReached.
    """
    rights.set_entry(tx, mailbox_id, entry)
    inbox = mailboxes.find_mailbox(tx.connection, entry.identifier.partition(":")[2], mailboxes.INBOX)
    if inbox is not None:
        tx.touch(inbox.id)


def ordered(having: Iterable[str]) -> str:
    """Rights in their usual order."""
    having = frozenset(having)
    return "".join(right for right in rights.RIGHTS if right in having)
