"""``make fuzz``: change known inputs at random for a bounded time; each target raises only when a promise is broken.

The seed is printed and can be given again, so that what was found can be found once more.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import functools
import logging
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from directory.ldap import ber, dn
from directory.ldap.ber import BerFault
from directory.ldap.ber import Framer as LdapFramer
from directory.ldap.entries import Entry
from directory.ldap.finding import narrow, possible
from directory.ldap.messages import VIEW_REQUEST, Bind, Compare, Message, Search, read_page, read_sort_keys, read_view
from directory.ldap.messages import read_message as read_ldap
from directory.ldap.root import ANYBODY
from directory.ldap.seen import Selection, judge
from mailserver.imap.grammar.framing import TAG, Broken, Framed, Framer, discard, member_limits
from mailserver.imap.grammar.syntax import Cursor, SyntaxFault
from mailserver.imap.table import COMMANDS
from mailserver.message.attachments.reader import AttachmentReader
from mailserver.message.attachments.text import CHARACTERS, PACKED, PDF
from mailserver.message.fuzzy import fuzzy
from mailserver.message.matching import exact_form, needle
from mailserver.message.searchable import texts_of
from mailserver.message.structure import scan
from mailserver.message.summary import summarize
from mailserver.message.terms import key_pairs, words_and_pairs
from mailserver.smtp.chunking import ChunkSink
from mailserver.smtp.commands import SyntaxFault as SmtpFault
from mailserver.smtp.commands import parse_chunk, parse_mail, parse_rcpt
from mailserver.smtp.data import DotSink
from mailserver.smtp.proxy_protocol import ProxyFault, ProxyReader
from mailserver.smtp.xclient import parse_xclient
from security.arc import ArcResult, seal, validate
from security.bearer import Bearer
from security.dkim import read_message, sign, verify
from security.dkim.verifying import MOST_SIGNATURES
from security.sasl import External, Login, Plain, SaslFault, SaslRefused, decode_initial
from security.scram import Scram, ScramProof, make_verifier
from tests.fuzz.exchange import file_seeds, files
from tests.fuzz.pictures import picture_seeds, pictures
from tests.fuzz.smime import smime, smime_seeds
from tests.mailserver.message.office_files import OPEN, SHARED, SLIDE, WORD, packed, pdf
from tests.security.keyring import NOW, signer, zone

_TESTS = Path(__file__).parents[1]


def imap_commands(octets: bytes) -> None:
    """Framing and grammar: a value or a SyntaxFault, and the same events however the octets are cut."""
    whole, pieces = _frame([octets]), _frame([octets[at : at + 3] for at in range(0, len(octets), 3)])
    assert whole == pieces
    for text, literals in whole:
        tag = TAG.match(text)
        if tag is None:
            continue
        try:
            cursor = Cursor(Framed(text, literals), tag.end() + 1)
            spec = COMMANDS.get(cursor.command_name())
            if spec is not None:
                spec.parse(cursor)
        except SyntaxFault:
            pass


def _frame(chunks: Sequence[bytes]) -> list[tuple[bytes, tuple[bytes, ...]]]:
    framer = Framer(member_limits(0))
    framed = []
    for chunk in chunks:
        framer.feed(chunk)
        while (event := framer.next_event()) is not None:
            if isinstance(event, Broken):
                return framed
            if isinstance(event, Framed):
                if all(isinstance(literal, bytes) for literal in event.literals):
                    framed.append((event.text, event.literals))
                else:
                    discard(event.literals)
    return framed  # type: ignore[return-value]


def messages(octets: bytes) -> None:
    """The scanner never raises, and its sizes are those of the octets."""
    summary = summarize(octets)
    assert summary.size == len(octets)
    assert 0 <= summary.header_size <= len(octets)
    for rendered in (summary.envelope, summary.body, summary.bodystructure):
        assert rendered[:1] == b"("
        assert rendered[-1:] == b")"
        assert max(rendered) < 128
    for text in filter(lambda value: isinstance(value, str), summary):
        assert "\0" not in text  # PostgreSQL takes none
        text.encode()  # half a surrogate pair has no form in UTF-8


def smtp_commands(octets: bytes) -> None:
    """MAIL and RCPT: a value or a SyntaxFault."""
    text = octets.decode("utf-8", "replace")
    for parse in (parse_mail, lambda argument: parse_rcpt(argument, smtputf8=True)):
        with contextlib.suppress(SmtpFault):
            parse(text)


_LDAP_LIMIT = 65_536
_LDAP_PIECE = 1000
_LDAP_NAME = "uid=annv@city.gov.vn,ou=people,dc=city,dc=gov,dc=vn"


def ldap(octets: bytes) -> None:
    """Messages or one fault, the same however the octets come, nothing kept beyond the limit; filters are judged."""
    whole, pieces = _ldap_messages(octets, _LDAP_LIMIT), _ldap_messages(octets, 3)
    assert whole == pieces
    entry = Entry.of(_LDAP_NAME, "account", {"cn": ["Nguyễn Văn An".encode()], "createtimestamp": [b"20200101000000Z"]})
    for message in whole:
        operation = message.operation
        if isinstance(operation, Search):
            if judge(operation.filter, ANYBODY)(entry) is True:
                assert possible(operation.filter, "account")
                hint = narrow(operation.filter)
                assert hint is None or hint
            Selection.of(operation.attributes).shown_to(ANYBODY)(entry)
        if isinstance(operation, Bind | Compare):
            with contextlib.suppress(dn.DnFault):
                name = dn.parse(operation.name)
                assert dn.folded(dn.parse(dn.write(name))) == dn.folded(name)
        for control in message.controls:
            for read in (read_page, read_sort_keys, read_view):
                with contextlib.suppress(BerFault):
                    read(control.value)


def ldap_sessions(octets: bytes) -> None:
    """A whole conversation with a small city: every answer can be read, and no more waits than may."""
    from tests.directory.ldap_client import Client, read_answers

    client = Client(_ldap_city())
    said = b""
    for at in range(0, len(octets), _LDAP_PIECE):
        piece = octets[at : at + _LDAP_PIECE]
        client.session.feed(piece)
        assert len(client.session._framer._buffer) <= client.session._framer.limit + len(piece) + 16
        said += client.play()
    assert all(answer["messageID"] >= 0 for answer in read_answers(said))


@functools.cache
def _ldap_city() -> object:
    from directory.database import open_directory
    from directory.ldap.policy import Policy
    from directory.ldap.schema import ATTRIBUTES
    from directory.ldap.session import Services
    from directory.signing_in.login import Gate
    from security.proven import ProvenLogins
    from security.throttle import Throttle
    from tests.directory.conftest import found_city

    logging.getLogger("citymail").setLevel(logging.ERROR)  # each wrong password is told otherwise
    folder = tempfile.mkdtemp(prefix="citymail-fuzz-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    directory = open_directory(f"sqlite:///{folder}/directory.db")
    city = found_city(directory)
    with directory.write() as conn:
        for name, unit in (("Nguyễn Văn An", "SYT"), ("Lê Thị Bình", "P.BT")):
            city.join(conn, name, unit, "CV")
    throttle = Throttle([], monotonic=time.monotonic)
    gate = Gate(directory, throttle=throttle, proven=ProvenLogins(600, monotonic=time.monotonic))
    return Services(directory, gate, Policy(anonymous=frozenset(kind.key for kind in ATTRIBUTES)))


def _ldap_messages(octets: bytes, step: int) -> list[Message]:
    framer, found = LdapFramer(_LDAP_LIMIT), []
    with contextlib.suppress(BerFault):
        for at in range(0, len(octets), step):
            framer.feed(octets[at : at + step])
            while (content := framer.next()) is not None:
                found.append(read_ldap(content))
    return found


def _ldap_requests() -> list[bytes]:
    from tests.directory.ldap_client import message, page, rfc4511, search_request, sort_by

    bind = rfc4511.BindRequest()
    bind["version"], bind["name"] = rfc4511.Version(3), _LDAP_NAME
    bind["authentication"] = rfc4511.AuthenticationChoice().setComponentByName("simple", rfc4511.Simple("a"))
    filters = (
        "(|(cn=*ng*v*an)(mail=*a*)(givenName=an*)(sn~=nguyen))",
        "(&(objectClass=person)(!(cn>=z))(createTimestamp<=20300101000000Z)(cn:dn:caseIgnoreMatch:=an))",
        "(:citymailFoldMatch:=nguyen van an)",
        "(cn=*)",
    )
    searches = [search_request("dc=city,dc=gov,dc=vn", text, attributes=["*", "+", "cn"]) for text in filters]
    place = ber.sequence((ber.integer(2), ber.integer(5)), ber.context(0, constructed=True))
    views = [
        (VIEW_REQUEST, True, ber.sequence((ber.integer(1), ber.integer(1), target)))
        for target in (place, ber.octets("An", ber.context(1)))
    ]
    return [
        message(1, "bindRequest", bind),
        *(message(2, "searchRequest", each, [page(5, b"abc"), sort_by("cn", "-mail")]) for each in searches),
        *(message(2, "searchRequest", each, [sort_by("cn"), view]) for each in searches for view in views),
        *(message(2, "searchRequest", each, [sort_by("cn"), page(1)]) for each in searches),
        message(3, "delRequest", rfc4511.DelRequest("o=x")) + message(4, "abandonRequest", rfc4511.AbandonRequest(2)),
    ]


def smtp_streams(octets: bytes) -> None:
    """A message in any pieces is the same message, by DATA and by BDAT; a proxy's header an address or a fault."""
    with tempfile.TemporaryDirectory() as folder:
        for make in (DotSink, ChunkSink):
            assert _sink(make, octets, 1_000_000, Path(folder)) == _sink(make, octets, 3, Path(folder))
    reader, place = ProxyReader(), 0
    with contextlib.suppress(ProxyFault):
        while place < len(octets):
            piece = octets[place : place + reader.wanted]
            place += len(piece)
            if reader.feed(piece) is not None:
                break
    text = octets.decode("utf-8", "replace")
    parse_chunk(text)
    with contextlib.suppress(SmtpFault):
        parse_xclient(text)


def _sink(make: type[DotSink | ChunkSink], octets: bytes, step: int, folder: Path) -> tuple[object, ...]:
    sink = make(100_000, folder, memory_limit=64)
    if isinstance(sink, ChunkSink):
        sink.expect(len(octets) // 2)
    left = b""
    for at in range(0, len(octets), step):
        used = sink.feed(octets[at : at + step])
        if used is not None:
            left = octets[at + used :]
            break
    sink.finish()
    whole = sink.path.read_bytes() if sink.path else sink.octets
    found = (whole, left, sink.has_ended, sink.size, sink.has_bare_line_end, sink.has_nul)
    sink.discard()
    return found


def searching(octets: bytes) -> None:
    """What a search sees of a message lies in the terms of an index, and nothing raises; fuzzy, it finds no less."""
    tree = scan(octets)
    texts = texts_of(octets[: tree.body_start], tree, lambda start, stop: octets[start:stop])
    for text in map(exact_form, (*texts.header, *texts.body)):
        words, pairs = words_and_pairs(text)
        middle = text[len(text) // 3 : len(text) // 3 + 12]
        wanted = key_pairs(middle)
        assert all(any(each in pair for pair in pairs) for each in wanted)
        assert wanted or not middle or any(middle in word for word in words)
        found = needle(middle).in_exact(text)
        assert not needle(middle).form or found or exact_form(middle) != middle
        sought = fuzzy(middle)
        score = sought.score_in_exact([(100, [text])])
        assert 0 <= score <= 100
        assert score or not found or not sought.words or not all(each.may_be_part for each in sought.words)


def attachments(octets: bytes) -> None:
    """A file sent along ends at most the process that reads it, and never the one that asks."""
    kind, file = (PDF, octets) if octets.startswith(b"%PDF") else (PACKED, packed({"content.xml": octets}))
    for each in (file, octets):
        text = _reader.text(kind, each)
        assert text is None or len(text) <= CHARACTERS


_reader = AttachmentReader(seconds=5)


_VERIFIER = make_verifier("pencil", b"sixteen octets!!", 4096)


def sasl_messages(octets: bytes) -> None:
    """Each mechanism: what the client claims, another question, or a fault; never a right proof by accident."""
    for text in (octets, octets.removesuffix(b"\r\n")):
        with contextlib.suppress(SaslFault):
            decode_initial(text)
    scram = Scram(plus=False, offers_plus=True, binding=lambda _: None, nonce=lambda: b"server")
    for exchange in (Plain(), Login(), External(), Bearer(with_header=True), Bearer(with_header=False), scram):
        with contextlib.suppress(SaslFault, SaslRefused):
            exchange.start(octets)
    middle = Scram(plus=False, offers_plus=False, binding=lambda _: None, nonce=lambda: b"server")
    middle.start(b"n,,n=an,r=client")
    middle.know(_VERIFIER)
    with contextlib.suppress(SaslFault):
        proof = middle.respond(octets)
        assert isinstance(proof, ScramProof)
        assert not proof.is_right


def _transcript_lines() -> list[bytes]:
    lines = []
    for path in (_TESTS / "dialogues" / "imap").glob("*.txt"):
        lines += [
            line[3:].strip().encode() + b"\r\n" for line in path.read_text().splitlines() if line.startswith("C:")
        ]
    return lines


_PIECES: list[bytes] = [
    *(
        b"\r\n",
        b"\r",
        b"\n",
        b"\0",
        b"(",
        b")",
        b'"',
        b"\\",
        b"*",
        b":",
        b",",
        b"<",
        b">",
        b"@",
        b"[",
        b"]",
        b" ",
        b"\t",
        b";",
    ),
    *(b"{3}\r\nabc", b"{9+}\r\n", b"~{1}\r\nx", b"4294967296", b"-1", b"A" * 300, b"%", b"&-", b"&AOE-", b""),
    *(b"=?utf-8?b?", b"?=", b"--", b"boundary=", b"Content-Type: multipart/mixed", b"\xff", b"\xe1\xba"),
]

Target = Callable[[bytes], None]


def signatures(octets: bytes) -> None:
    """DKIM and ARC: a result for each signature whatever it says, and never a pass for other words than were signed."""
    message = read_message(octets)
    dns = zone()
    results = dns.run(verify(message, NOW))
    assert len(results) <= MOST_SIGNATURES
    chain = dns.run(validate(message))
    assert len(chain.sets) == (chain.highest if chain.status == "pass" else 0)
    passed = chain.status == "pass" or any(result.status == "pass" for result in results)
    if passed:  # both cover Subject and the body
        subjects = [message.canonical(place, "relaxed") for place in message.named("subject")]
        assert subjects == [b"subject:Dinner\r\n"]
        assert message.digest_of_body("relaxed") == _SIGNED.digest_of_body("relaxed")


_LETTER = b"From: Joe <joe@example.org>\r\nSubject: Dinner\r\nTo: sue@example.net\r\n\r\nHi  Sue. \r\n.\r\n\r\n"
_SIGNED = read_message(_LETTER)


def _signed_letters() -> list[bytes]:
    signed = sign(_SIGNED, (signer("ed25519"), signer("rsa")), NOW) + _LETTER
    sealed = signed
    for highest in range(3):
        found = ArcResult("pass" if highest else "none", highest=highest)
        sealed = seal(read_message(sealed), found, "mx.example.net; spf=pass", signer("ed25519"), NOW) + sealed
    return [signed, sealed, _LETTER]


TARGETS: dict[str, tuple[Target, Callable[[], list[bytes]]]] = {
    "imap": (imap_commands, _transcript_lines),
    "ldap": (ldap, _ldap_requests),
    "ldap-sessions": (ldap_sessions, _ldap_requests),
    "message": (messages, lambda: [path.read_bytes() for path in (_TESTS / "messages").glob("*/message.eml")]),
    "searching": (searching, lambda: [path.read_bytes() for path in (_TESTS / "messages").glob("*/message.eml")]),
    "exchange": (files, file_seeds),
    "attachments": (
        attachments,
        lambda: [pdf("Bao cao"), pdf("x", extra=b"%" * 99), *(each.encode() for each in (WORD, SHARED, SLIDE, OPEN))],
    ),
    "pictures": (pictures, picture_seeds),
    "sasl": (
        sasl_messages,
        lambda: [
            b"\0an@thanhpho.example\0mat khau",
            b"n,a=van thu,n=an=2Cx,r=rOprNGfwEbeRWgbNEkqO,x=y",
            b"p=tls-exporter,,n=an,r=abc",
            b"c=biws,r=clientserver,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            b"n,a=an@thanhpho.example,\x01host=a\x01port=993\x01auth=Bearer abc.def.ghi\x01\x01",
            b"user=an\x01auth=Bearer abc\x01\x01",
            b"biwsbj1hbixyPWFiYw==",
        ],
    ),
    "signatures": (signatures, _signed_letters),
    "smime": (smime, smime_seeds),
    "smtp-streams": (
        smtp_streams,
        lambda: [
            b"Subject: x\r\n\r\n..body\r\n.\r\nRSET\r\n",
            b"Subject: x\r\n\r\n\0\r\n.\n.\r\n",
            b"PROXY TCP4 192.0.2.1 198.51.100.2 4321 25\r\nEHLO a\r\n",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12),
            b"100 LAST",
            b"ADDR=192.0.2.1 NAME=[UNAVAILABLE] HELO=a+2Bb",
        ],
    ),
    "smtp": (
        smtp_commands,
        lambda: [
            b"FROM:<an@thanhpho.example> SIZE=100 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x+2By",
            b'TO:<"an b"@[127.0.0.1]> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a@b',
            "FROM:<ấn@tỉnh.example>".encode(),
            b"FROM:<a@b.example> BODY=BINARYMIME REQUIRETLS MT-PRIORITY=-3 BY=120;RT HOLDFOR=60",
            b"FROM:<a@b.example> HOLDUNTIL=2030-01-31T07:00:00+07:00 AUTH=an+40thanhpho.example",
            rb"TO:<a@b.example> ORCPT=utf-8;ng\x{E2}n@b.example",
        ],
    ),
}


def change(octets: bytes, seeds: Sequence[bytes], chance: random.Random) -> bytes:
    changed = bytearray(octets)
    for _ in range(chance.randint(1, 8)):
        place = chance.randint(0, len(changed))
        kind = chance.randrange(4)
        if kind == 0:
            changed[place : place + chance.randint(0, 20)] = chance.choice(_PIECES)
        elif kind == 1:
            changed[place:place] = chance.choice(_PIECES)
        elif kind == 2 and changed:
            changed[place % len(changed)] = chance.randrange(256)
        else:
            other = chance.choice(seeds)
            start = chance.randint(0, len(other))
            changed[place:place] = other[start : start + chance.randint(0, 200)]
    return bytes(changed)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=30)
    arguments.add_argument("--seed", type=int, default=time.time_ns() & 0xFFFFFFFF)
    arguments.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    given = arguments.parse_args()
    chance = random.Random(given.seed)
    print(f"seed {given.seed}")
    wanted = given.targets or list(TARGETS)
    for name in wanted:
        target, collect = TARGETS[name]
        seeds = collect()
        end = time.monotonic() + given.seconds / len(wanted)
        rounds = 0
        while time.monotonic() < end:
            octets = change(chance.choice(seeds), seeds, chance)
            try:
                target(octets)
            except Exception:
                print(f"{name}: broken by {octets!r}")
                raise
            rounds += 1
        print(f"{name}: {rounds} inputs, no promise broken")


if __name__ == "__main__":
    main()
