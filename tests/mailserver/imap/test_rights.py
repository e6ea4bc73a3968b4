r"""Whatever rights a colleague has, no command does what they forbid, and nothing that he may not see shows.

``ORACLE`` is RFC 4314 §4 written down again, on its own: it is compared with what the server does to a mailbox, as its
owner sees it, and with what it answers.
"""

from __future__ import annotations

import base64
import json
import re

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from directory import tables
from directory.record import search
from tests.mailserver.imap.talk import Direct
from tests.mailserver.mailroom import PASSWORD, set_status

RIGHTS = "lrswipkxtea"
SHARED = "Other Users/an/Files"
MESSAGE = "From: a@b\r\n\r\nsecret\r\n"

# Command → (rights without which it must be refused, what it may change at all with them).
ORACLE = {
    "SELECT": ("r", ""),
    "EXAMINE": ("r", ""),
    "STATUS": ("r", ""),
    "APPEND": ("i", "messages"),
    "COPY IN": ("i", "messages"),
    "CREATE": ("k", "below"),
    "DELETE": ("x", "gone"),
    "RENAME": ("xK", "gone"),  # K: to create at the top of somebody else's mailboxes, which no list gives
    "RENAME BELOW": ("xk", "gone below"),
    "SETACL": ("a", "acl"),
    "DELETEACL": ("a", "acl"),
    "GETACL": ("a", ""),
    "LISTRIGHTS": ("a", ""),
    "SET SHARED METADATA": ("l", "metadata"),  # and one of rswip
    "GET SHARED METADATA": ("l", ""),
    # With the mailbox selected
    "EXPUNGE": ("re", "messages"),
    "UID EXPUNGE": ("re", "messages"),
    "CLOSE": ("r", "messages"),
    "MOVE OUT": ("rte", "messages"),
    "COPY OUT": ("r", ""),
    "REPLACE": ("irte", "messages"),
    "FETCH BODY": ("r", "flags"),
    "SEEN": ("rs", "flags"),
    "DELETED": ("rt", "flags"),
    "FLAGGED": ("rw", "flags"),
    "KEYWORD": ("rw", "flags"),
    "CLEAR": ("r", "flags"),
}
NOT_SELECTED = {
    "SELECT": f'SELECT "{SHARED}"',
    "EXAMINE": f'EXAMINE "{SHARED}"',
    "STATUS": f'STATUS "{SHARED}" (MESSAGES UNSEEN SIZE)',
    "APPEND": f'APPEND "{SHARED}" (\\Seen \\Deleted \\Flagged $x) {{{len(MESSAGE)}+}}\r\n{MESSAGE}',
    "CREATE": f'CREATE "{SHARED}/new"',
    "DELETE": f'DELETE "{SHARED}"',
    "RENAME": f'RENAME "{SHARED}" "Other Users/an/Else"',
    "RENAME BELOW": f'RENAME "{SHARED}/below" "{SHARED}/under"',
    "SETACL": f'SETACL "{SHARED}" chi lr',
    "DELETEACL": f'DELETEACL "{SHARED}" dung',
    "GETACL": f'GETACL "{SHARED}"',
    "LISTRIGHTS": f'LISTRIGHTS "{SHARED}" chi',
    "SET SHARED METADATA": f'SETMETADATA "{SHARED}" (/shared/comment "x")',
    "GET SHARED METADATA": f'GETMETADATA "{SHARED}" /shared/comment',
}
SELECTED = {
    "EXPUNGE": "EXPUNGE",
    "UID EXPUNGE": "UID EXPUNGE 1:*",
    "CLOSE": "CLOSE",
    "MOVE OUT": "UID MOVE 1:* INBOX",
    "COPY OUT": "UID COPY 1:* INBOX",
    "REPLACE": f'UID REPLACE 1 "{SHARED}" {{{len(MESSAGE)}+}}\r\n{MESSAGE}',
    "FETCH BODY": "UID FETCH 1:* BODY[]",
    "SEEN": "UID STORE 1:* +FLAGS (\\Seen)",
    "DELETED": "UID STORE 1:* -FLAGS (\\Deleted)",
    "FLAGGED": "UID STORE 1:* +FLAGS (\\Flagged)",
    "KEYWORD": "UID STORE 1:* +FLAGS ($new)",
    "CLEAR": "UID STORE 1:* FLAGS ()",
}
rights = st.sets(st.sampled_from(RIGHTS)).map(lambda chosen: "".join(sorted(chosen)))


class Pair:
    """An, who owns Files, and Binh, who is given rights in it."""

    def __init__(self, services):
        self.an = Direct(services).log_in()
        self.binh = Direct(services).log_in("binh@city.vn")

    def begin(self, given, taken):
        an = self.an
        for name in ("Files/new", "Files/under", "Files/below", "Files", "Else"):
            an.ask(f"DELETE {name}")
        an.ok("CREATE Files")
        an.ok("SETACL Files dung l")
        an.ok(f'SETACL Files binh "{given}"')
        an.ok(f'SETACL Files -binh "{taken}"')
        an.ok("CREATE Files/below")
        an.append(MESSAGE.encode(), "Files", "(\\Deleted old)")
        an.append(MESSAGE.encode(), "Files", "(\\Seen \\Flagged)")
        an.ok('SETMETADATA Files (/shared/comment "secret")')

    def state(self):
        """What there is, as its owner sees it: names, messages with flags, rights, annotations."""
        seen = self.an.ask('LIST "" "Files*"') + self.an.ask('LIST "" "Else*"')
        names = {re.search(r'"/" "?([^"]*)', line)[1] for line in seen if line.startswith("* LIST")}
        messages = {}
        if "Files" in names:
            self.an.ok("EXAMINE Files")
            for line in self.an.ok("UID FETCH 1:* (FLAGS EMAILID)"):
                if found := re.match(r"\* \d+ FETCH \(UID (\d+) FLAGS \((.*?)\) EMAILID \((.*)\)\)", line):
                    messages[int(found[1])] = (frozenset(found[2].split()) - {"\\Recent"}, found[3])
            self.an.ok("UNSELECT")
        acl = self.an.ask("GETACL Files")[:-1]
        metadata = self.an.ask("GETMETADATA Files /shared/comment")[:-1]
        return names, messages, acl, metadata

    def close(self):
        self.an.close()
        self.binh.close()


@pytest.fixture
def pair(services):
    made = Pair(services)
    made.an.append(MESSAGE.encode())
    made.binh.append(MESSAGE.encode(), "INBOX", "(\\Seen \\Deleted \\Flagged $x)")
    yield made
    made.close()


def is_allowed(command, having):
    needed = set(ORACLE[command][0])
    if command.endswith("METADATA") and not having & set("rswip"):
        return False
    if command == "CLEAR" and not having & set("swt"):
        return False
    return needed <= having


def check_flags(before, after, having, command):
    """Only flags for which there is the right were changed; new messages have no others."""
    known_ids = {email for _, email in before.values()}
    for uid, (flags, email) in after.items():
        old = before.get(uid, (frozenset(), email))[0]
        changed = flags ^ old
        if "s" not in having:
            assert "\\Seen" not in changed, command
        if "t" not in having:
            assert "\\Deleted" not in changed, command
        if "w" not in having:
            assert not changed - {"\\Seen", "\\Deleted"}, command
        if uid not in before:
            assert email not in known_ids or command == "COPY IN"


def check(pair, given, taken, command):
    having = set(given) - set(taken)
    pair.begin(given, taken)
    if command == "DELETE":
        pair.an.ok("DELETE Files/below")
    if command in SELECTED:
        if "r" not in having:
            return
        pair.binh.ok(f'SELECT "{SHARED}"')
        text = SELECTED[command]
    elif command == "COPY IN":
        pair.binh.ok("SELECT INBOX")
        text = f'COPY 1 "{SHARED}"'
    else:
        text = NOT_SELECTED[command]
    before = pair.state()
    lines = pair.binh.ask(text.encode())
    # What is said of a mailbox that does not exist.
    nothing = lines if command in SELECTED else pair.binh.ask(text.replace("/Files", "/Nothing").encode())
    pair.binh.ask("UNSELECT")
    after = pair.state()
    answer = "\n".join(lines)
    allowed = is_allowed(command, having)
    assert lines[-1].startswith("t OK" if allowed else "t NO"), (command, having, lines)
    if not allowed:
        assert after == before, (command, having)
        assert "secret" not in answer
        # Who may make or delete mailboxes somewhere learns by MYRIGHTS that there is one (RFC 4314 §4).
        may_know = command.startswith("RENAME") and having & set("kx")
        if "l" not in having and not may_know and not command.startswith("CREATE") and command not in SELECTED:
            assert lines == nothing, (command, having)
    changes = ORACLE[command][1].split()
    if "gone" not in changes and "below" not in changes:
        assert after[0] == before[0], command
    if not {"messages", "gone"} & set(changes):
        assert after[1].keys() == before[1].keys(), command
    if "acl" not in changes and "gone" not in changes:
        assert after[2] == before[2], command
    if "metadata" not in changes and "gone" not in changes:
        assert after[3] == before[3], command
    check_flags(before[1], after[1], having, command)
    if command == "CLOSE" and "e" not in having:
        assert after[1] == before[1]


@pytest.mark.parametrize("command", sorted(ORACLE))
def test_no_command_does_what_rights_forbid(pair, command):
    @settings(
        max_examples=6, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(given=rights, taken=st.one_of(st.just(""), rights))
    @example(given="", taken="")
    @example(given=RIGHTS, taken="")
    @example(given=RIGHTS, taken="l")
    @example(given=RIGHTS, taken=ORACLE[command][0][-1].lower())
    @example(given="lr" + ORACLE[command][0].replace("K", ""), taken="")
    def run(given, taken):
        check(pair, given, taken, command)

    run()
    assert pair.an.services.store.check_consistency() == []


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given=rights, below=rights)
def test_what_may_not_be_seen_is_not_listed(pair, given, below):
    pair.begin(given, "")
    pair.an.ok(f'SETACL Files/below binh "{below}"')
    binh = pair.binh
    for command in (
        'LIST "" "*"',
        'LIST "" "Other Users/*"',
        'LIST "" "%/%/%"',
        'LIST "" "*" RETURN (STATUS (MESSAGES))',
    ):
        lines = binh.ok(command)
        listed = {line for line in lines if line.startswith("* LIST") and "NonExistent" not in line}
        for name, having in ((SHARED, given), (f"{SHARED}/below", below)):
            depth_fits = "%" not in command or name == SHARED
            shown = any(line.endswith(f'"{name}"') for line in listed)
            assert shown is ("l" in having and depth_fits), (command, having, lines)
            status = any(line.startswith(f'* STATUS "{name}"') for line in lines)
            assert status is ("STATUS" in command and "l" in having and "r" in having)
    rights_line = binh.ask(f'MYRIGHTS "{SHARED}"')
    if set(given) & set("lrikxa"):
        shown = rights_line[0].rsplit(" ", 1)[1]
        assert set(shown) - set("cd") == set(given)
        assert ("c" in shown) is bool(set(given) & set("kx"))
        assert ("d" in shown) is bool(set(given) & set("te"))
    else:
        assert rights_line == ["t NO [NONEXISTENT] No such mailbox"]


def test_what_list_returns_keeps_to_rights(pair):
    """RFC 8440 (MYRIGHTS) tells whoever sees a mailbox; RFC 9590 and RFC 5464 §3.3 (METADATA) want one right more."""
    pair.begin("l", "")
    command = 'LIST "" "Other Users/*" RETURN (MYRIGHTS METADATA (/shared/comment) STATUS (MESSAGES))'
    below = pair.binh.ok(command)[2:-1]
    assert pair.binh.ok(command)[:2] == [
        f'* LIST (\\HasChildren \\Noselect) "/" "{SHARED}"',
        f'* MYRIGHTS "{SHARED}" l',
    ]
    assert not [line for line in below if "METADATA" in line or "STATUS" in line]
    pair.an.ok("SETACL Files binh lp")
    assert f'* METADATA "{SHARED}" (/shared/comment "secret")' in pair.binh.ok(command)


def test_a_quota_is_told_to_readers(pair):
    """RFC 9208 §4.1: who may read one of its mailboxes; others hear what is said of a root that does not exist."""
    pair.begin("l", "")
    root = SHARED.rpartition("/")[0]
    assert pair.binh.ask(f'GETQUOTA "{root}"') == ["t NO [NONEXISTENT] No such quota root"]
    assert pair.binh.ask(f'GETQUOTAROOT "{SHARED}"') == ["t NO [NOPERM] Not permitted"]
    pair.an.ok("SETACL Files binh lr")
    assert pair.binh.ok(f'GETQUOTA "{root}"')[0].startswith(f'* QUOTA "{root}" (MESSAGE ')
    assert pair.binh.ok(f'GETQUOTAROOT "{SHARED}"')[0] == f'* QUOTAROOT "{SHARED}" "{root}"'


def test_rights_of_the_selected_mailbox_follow_the_list(pair):
    """A right that is taken away while the mailbox is selected is gone at the next command."""
    pair.begin("lrswite", "")
    binh = pair.binh
    binh.ok(f'SELECT "{SHARED}"')
    binh.ok("STORE 1 +FLAGS (\\Flagged)")
    pair.an.ok("SETACL Files binh -we")
    lines = binh.ask("STORE 1 -FLAGS (\\Flagged)")
    assert lines[-1] == "t NO [NOPERM] Not permitted"
    assert "* OK [PERMANENTFLAGS (\\Deleted \\Seen)] Flags permitted" in lines or any(
        "PERMANENTFLAGS (\\Seen \\Deleted)" in line for line in lines
    )
    assert binh.ask("EXPUNGE")[-1] == "t NO [NOPERM] Not permitted"
    assert binh.ask("STORE 1 +FLAGS (\\Seen)")[-1].startswith("t OK")
    pair.an.ok("DELETEACL Files binh")
    assert binh.ask("NOOP")[-1].startswith("* BYE")
    assert binh.closed


def test_names_in_the_way_of_a_rename_are_not_told(pair):
    """The children of what is renamed go along, and may meet others that the client may not see."""
    pair.begin("", "")
    pair.an.ok("CREATE Files/a/x")
    pair.an.ok("CREATE Files/b/x")
    pair.an.ok("DELETE Files/below")
    pair.an.ok('SETACL Files binh "lk"')
    pair.an.ok('SETACL Files/a binh "lx"')
    # Files/b exists and is hidden; so is Files/b/x below it.
    for target in ("b", "b/x"):
        answer = pair.binh.ask(f'RENAME "{SHARED}/a" "{SHARED}/{target}"')
        assert answer == ["t NO [NOPERM] Not permitted"]
    pair.an.ok("DELETE Files/b/x")
    pair.an.ok("DELETE Files/b")
    pair.binh.ok(f'RENAME "{SHARED}/a" "{SHARED}/b"')
    for name in ("Files/b/x", "Files/b"):
        pair.an.ok(f"DELETE {name}")


def appointed(office, **columns):
    from sqlalchemy import delete, insert

    with office.directory.write() as conn:
        conn.execute(delete(tables.mailbox_right))
        if columns:
            conn.execute(insert(tables.mailbox_right), {"mailbox_id": "vanthu", "account_id": "binh", **columns})


def test_an_appointment_opens_the_units_mailbox_and_its_end_closes_it(services, office):
    """It appears in the namespace of shared mailboxes (RFC 2342)."""
    services.store.maildrop("vanthu")
    appointed(office, may_read=True, may_send=True)
    binh = Direct(services).log_in("binh@city.vn")
    try:
        assert '* LIST (\\HasNoChildren) "/" "Shared/vanthu/INBOX"' in binh.ok('LIST "" "Shared/*"')
        told = binh.ok('MYRIGHTS "Shared/Vanthu/inbox"')
        assert told[0] == '* MYRIGHTS "Shared/vanthu/INBOX" lrswipkxtecd'
        binh.ok('CREATE "Shared/vanthu/2026"')
        binh.append(MESSAGE.encode(), '"Shared/vanthu/2026"')
        binh.ok('RENAME "Shared/vanthu/2026" "Shared/vanthu/kept/old"')
        assert binh.ask('RENAME "Shared/vanthu/kept/old" mine')[-1].startswith("t NO [CANNOT]")
        binh.ok('SELECT "Shared/vanthu/kept/old"')
        binh.ok("MOVE 1 INBOX")
        assert binh.send(b"i IDLE\r\n").startswith(b"+ idling")
        appointed(office)
        assert binh.session.still_here().startswith(b"* BYE")
    finally:
        binh.close()
    after = Direct(services).log_in("binh@city.vn")
    assert after.ok('LIST "" "Shared/*"') == ["t OK LIST completed"]
    assert after.ask('STATUS "Shared/vanthu/INBOX" (MESSAGES)')[-1] == "t NO [NONEXISTENT] No such mailbox"
    after.close()


def test_who_may_only_send_sees_nothing(services, office):
    services.store.maildrop("vanthu")
    appointed(office, may_read=False, may_send=True)
    binh = Direct(services).log_in("binh@city.vn")
    assert binh.ok('LIST "" "Shared/*"') == ["t OK LIST completed"]
    assert binh.ask('SELECT "Shared/vanthu/INBOX"')[-1] == "t NO [NONEXISTENT] No such mailbox"
    binh.close()


def test_groups_and_units_are_identifiers(services, office):
    services.store.maildrop("vanthu")
    appointed(office, may_read=True, may_send=True)
    an, binh, dung = (Direct(services).log_in(f"{name}@city.vn") for name in ("an", "binh", "dung"))
    an.ok("CREATE Files")
    for identifier, who in (("inner@city.vn", {"binh"}), ("vanthu@city.vn", {"binh"}), ("outer", {"binh", "dung"})):
        an.ok(f"SETACL Files {identifier} lr")
        for client, name in ((binh, "binh"), (dung, "dung")):
            answer = client.ask(f'STATUS "{SHARED}" (MESSAGES)')[-1]
            assert answer.startswith("t OK" if name in who else "t NO [NONEXISTENT]"), (identifier, name)
        an.ok(f"DELETEACL Files {identifier}")
    for client in (an, binh, dung):
        client.close()


def test_who_may_do_less_than_the_owner_may_not_act_as_owner(services, office):
    """authzid gives every right; so whom some were taken from works under the shared name."""
    services.store.maildrop("vanthu")
    appointed(office, may_read=True, may_send=True)
    plain = base64.b64encode(f"vanthu@city.vn\0binh@city.vn\0{PASSWORD}".encode()).decode()
    unit = Direct(services)
    unit.buffer = b""
    unit.ok(f"AUTHENTICATE PLAIN {plain}")
    assert "* MYRIGHTS INBOX lrswipkxteacd" in unit.ok("MYRIGHTS INBOX")
    unit.ok("SETACL INBOX -binh te")
    again = Direct(services)
    again.buffer = b""
    assert again.ask(f"AUTHENTICATE PLAIN {plain}")[-1].startswith("t NO [AUTHORIZATIONFAILED]")
    office.clock.pass_by(61)
    assert unit.ask("NOOP")[-1].startswith("* BYE This account is locked")
    binh = Direct(services).log_in("binh@city.vn")
    told = binh.ok('MYRIGHTS "Shared/vanthu/INBOX"')
    assert told[0] == '* MYRIGHTS "Shared/vanthu/INBOX" lrswipkxc'
    for client in (unit, again, binh):
        client.close()


def test_a_listener_whose_account_is_locked_is_sent_away(services, office):
    an = Direct(services).log_in()
    an.ok("NOTIFY SET (personal (MessageNew MessageExpunge))")
    set_status(office, "an", "locked")
    office.clock.pass_by(61)
    an.poll()
    assert an.buffer.startswith(b"* BYE This account is locked")
    an.close()


@pytest.fixture
def binh(connect):
    return connect("binh@city.vn")


def test_who_shared_what_is_recorded(an, binh):
    an.ok("CREATE Files")
    an.ok("SETACL Files binh lr")
    an.ok("SETACL Files binh +s")
    an.ok("DELETEACL Files binh")
    assert an.ask("SETACL Files nobody lr")[-1].startswith("t NO")
    with an.session.services.directory.read() as reading:
        told = [*search(reading, action="mailbox.share")]
    assert [(each.actor, each.subject) for each in told] == [("an@city.vn", "an@city.vn")] * 3
    details = [json.loads(each.details) for each in told]
    assert [(each["to"], each.get("rights", ""), each["mailboxes"]) for each in details] == [
        ("binh", rights, ["Files"]) for rights in ("", "+s", "lr")
    ]


def test_what_is_shared_with_a_reader_is_subscribed_until_he_says_otherwise(an, binh):
    """Mail clients show subscribed mailboxes only, and nobody would look for one that he was given meanwhile."""

    def subscribed():
        lines = [*binh.ask('LIST (SUBSCRIBED) "" *'), *binh.ask('LSUB "" *')]
        return [line.split('"/" ')[1] for line in lines if "Other Users" in line]

    an.ok("CREATE Files")
    an.ok("CREATE Public")
    an.ok("SETACL Files binh lr")
    an.ok("SETACL Public anyone lr")
    assert subscribed() == [f'"{SHARED}"'] * 2
    binh.ok(f'UNSUBSCRIBE "{SHARED}"')
    assert subscribed() == []
    binh.ok(f'UNSUBSCRIBE "{SHARED}"')
    binh.ok('SUBSCRIBE "Other Users/an/Public"')
    assert subscribed() == ['"Other Users/an/Public"'] * 2
    binh.ok(f'SUBSCRIBE "{SHARED}"')
    assert subscribed() == [f'"{SHARED}"', '"Other Users/an/Public"'] * 2
    an.ok("DELETEACL Public anyone")
    assert f'"{SHARED}"' in subscribed()
