"""MAIL and RCPT as they come over the wire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.smtp.commands import (
    ChunkCommand,
    MailCommand,
    RcptCommand,
    SyntaxFault,
    decode_xtext,
    encode_xtext,
    parse_chunk,
    parse_mail,
    parse_rcpt,
)
from mailserver.smtp.parameters import DeliverBy


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("FROM:<>", MailCommand("")),
        ("from:<An@City.VN>", MailCommand("An@city.vn")),
        ("FROM: <a@b.vn>", MailCommand("a@b.vn")),  # the blank is wrong, and common
        ("FROM:<a@b.vn> SIZE=1000", MailCommand("a@b.vn", size=1000)),
        ("FROM:<a@b.vn> BODY=8bitmime size=5", MailCommand("a@b.vn", size=5, body="8BITMIME")),
        ("FROM:<nguyễn@bưu-điện.vn> SMTPUTF8", MailCommand("nguyễn@xn--bu-in-xqax63z.vn", smtputf8=True)),
        ("FROM:<a@b.vn> RET=HDRS ENVID=QQ+2B314", MailCommand("a@b.vn", ret="HDRS", envelope_id="QQ+314")),
        ("FROM:<a@b.vn> ENVID=" + "+2B" * 100, MailCommand("a@b.vn", envelope_id="+" * 100)),
        ("FROM:<a@b.vn> AUTH=<>", MailCommand("a@b.vn", author="")),
        ("FROM:<a@b.vn> AUTH=e+3Dmc2@c.vn", MailCommand("a@b.vn", author="e=mc2@c.vn")),
        ("FROM:<a@b.vn> body=binarymime", MailCommand("a@b.vn", body="BINARYMIME")),
        ("FROM:<a@b.vn> REQUIRETLS", MailCommand("a@b.vn", require_tls=True)),
        ("FROM:<a@b.vn> MT-PRIORITY=-9", MailCommand("a@b.vn", priority=-9)),
        ("FROM:<a@b.vn> MT-PRIORITY=0", MailCommand("a@b.vn", priority=0)),
        ("FROM:<a@b.vn> BY=125;R", MailCommand("a@b.vn", deliver_by=DeliverBy(125, "R"))),
        ("FROM:<a@b.vn> BY=-7;nt", MailCommand("a@b.vn", deliver_by=DeliverBy(-7, "NT"))),
        ("FROM:<a@b.vn> HOLDFOR=86400", MailCommand("a@b.vn", hold_for=86400)),
        ("FROM:<a@b.vn> HOLDUNTIL=1970-01-01T07:00:01+07:00", MailCommand("a@b.vn", hold_until=1)),
        ("FROM:<a@b.vn> HOLDUNTIL=2000-02-29t00:00:60.5z", MailCommand("a@b.vn", hold_until=951782459)),
        ("FROM:<@hop.vn,@hop2.vn:a@b.vn>", MailCommand("a@b.vn")),
        ('FROM:<"a b>c"@b.vn>', MailCommand('"a b>c"@b.vn')),
        ("FROM:<a@[192.0.2.1]>", MailCommand("a@[192.0.2.1]")),
    ],
)
def test_mail(text, command):
    if "điện" in text:
        parsed = parse_mail(text)
        assert parsed.smtputf8
        assert parsed.reverse_path.startswith("nguyễn@xn--")
        assert parsed.reverse_path.rpartition("@")[2].isascii()
    else:
        assert parse_mail(text) == command


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", 501),
        ("FROM", 501),
        ("TO:<a@b>", 501),
        ("FROM:a@b.vn", 501),
        ("FROM:<a@b.vn", 501),
        ("FROM:<a@b.vn>SIZE=3", 501),
        ("FROM:<a@b.vn> SIZE", 501),
        ("FROM:<a@b.vn> SIZE=x", 501),
        ("FROM:<a@b.vn> SIZE=١٢", 501),
        ("FROM:<a@b.vn> SIZE=1 SIZE=2", 501),
        ("FROM:<a@b.vn> SIZE=123456789012345678901", 501),
        ("FROM:<a@b.vn> BODY=16BIT", 501),
        ("FROM:<a@b.vn> SMTPUTF8=1", 501),
        ("FROM:<a@b.vn> REQUIRETLS=1", 501),
        ("FROM:<a@b.vn> ENVID=" + "a" * 101, 501),
        ("FROM:<a@b.vn> ENVID", 501),
        ("FROM:<a@b.vn> AUTH", 501),
        ("FROM:<a@b.vn> AUTH=an", 501),
        ("FROM:<a@b.vn> AUTH=an+0D@c.vn", 501),
        ("FROM:<a@b.vn> MT-PRIORITY=10", 501),
        ("FROM:<a@b.vn> MT-PRIORITY=+1", 501),
        ("FROM:<a@b.vn> MT-PRIORITY=-0", 501),
        ("FROM:<a@b.vn> MT-PRIORITY", 501),
        ("FROM:<a@b.vn> BY=0;R", 501),
        ("FROM:<a@b.vn> BY=-1;R", 501),
        ("FROM:<a@b.vn> BY=5", 501),
        ("FROM:<a@b.vn> BY=5;X", 501),
        ("FROM:<a@b.vn> BY=1234567890;N", 501),
        ("FROM:<a@b.vn> HOLDFOR=0", 501),
        ("FROM:<a@b.vn> HOLDFOR=-1", 501),
        ("FROM:<a@b.vn> HOLDFOR=1000000000", 501),
        ("FROM:<a@b.vn> HOLDUNTIL=2030-02-30T00:00:00Z", 501),
        ("FROM:<a@b.vn> HOLDUNTIL=2030-01-01T00:00:00", 501),
        ("FROM:<a@b.vn> HOLDUNTIL=2030-01-01T00:00:61Z", 501),
        ("FROM:<a@b.vn> HOLDUNTIL=2030-01-01T00:00:00+24:00", 501),
        ("FROM:<a@b.vn> HOLDFOR=5 HOLDUNTIL=2030-01-01T00:00:00Z", 501),
        ("FROM:<a@b.vn> RET=SOME", 501),
        ("FROM:<a@b.vn> ENVID=a+0D+0AX", 501),
        ("FROM:<a@b.vn> X-UNKNOWN=1", 555),
        ("FROM:<a@b.vn> =1", 501),
        ("FROM:<a..b@c.vn>", 553),
        ("FROM:<a@b..vn>", 553),
        ("FROM:<a@b.vn,c@d.vn>", 553),
        ("FROM:<a b@c.vn>", 553),
        ("FROM:<nguyễn@b.vn>", 550),
        ("FROM:<" + "a" * 256 + "@b.vn>", 553),
    ],
)
def test_mail_that_is_not_well_formed(text, code):
    with pytest.raises(SyntaxFault) as fault:
        parse_mail(text)
    assert fault.value.reply.code == code
    assert fault.value.reply.enhanced.startswith("5.")


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("TO:<a@b.vn>", RcptCommand("a@b.vn")),
        ("TO:<Postmaster>", RcptCommand("postmaster")),
        ("TO:<a@b.vn> NOTIFY=NEVER", RcptCommand("a@b.vn", "NEVER")),
        ("TO:<a@b.vn> notify=delay,success", RcptCommand("a@b.vn", "SUCCESS,DELAY")),
        ("TO:<a@b.vn> ORCPT=rfc822;x+2By@z.vn", RcptCommand("a@b.vn", "", "rfc822;x+y@z.vn")),
    ],
)
def test_rcpt(text, command):
    assert parse_rcpt(text, smtputf8=False) == command


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("TO:<>", 553),
        ("TO:<someone>", 553),
        ("TO:<a@b.vn> NOTIFY=NEVER,SUCCESS", 501),
        ("TO:<a@b.vn> NOTIFY=", 501),
        ("TO:<a@b.vn> NOTIFY=FAILURE,FAILURE", 501),
        ("TO:<a@b.vn> ORCPT=x", 501),
        ("TO:<a@b.vn> ORCPT=rfc822;a+0Ab", 501),
        ("TO:<a@b.vn> SIZE=1", 555),
        ("TO:<ngân@b.vn>", 553),
    ],
)
def test_rcpt_that_is_not_well_formed(text, code):
    with pytest.raises(SyntaxFault) as fault:
        parse_rcpt(text, smtputf8=False)
    assert fault.value.reply.code == code


@pytest.mark.parametrize(
    ("text", "smtputf8", "kept"),
    [
        (r"utf-8;ng\x{E2}n@b.vn", False, r"utf-8;ng\x{E2}n@b.vn"),
        ("utf-8;ngân@b.vn", True, "utf-8;ngân@b.vn"),
        ("utf-8;a+2Bb@b.vn", False, "utf-8;a+b@b.vn"),
        ("utf-8;ngân@b.vn", False, None),  # RFC 6533 §3: as it is only where SMTPUTF8 was said
        ("rfc822;ngân@b.vn", True, None),
        ("utf-8;a+0D+0Ab", True, None),
    ],
)
def test_original_recipients_outside_ascii(text, smtputf8, kept):
    if kept is None:
        with pytest.raises(SyntaxFault):
            parse_rcpt(f"TO:<a@b.vn> ORCPT={text}", smtputf8=smtputf8)
    else:
        assert parse_rcpt(f"TO:<a@b.vn> ORCPT={text}", smtputf8=smtputf8).original_recipient == kept


@pytest.mark.parametrize(
    ("text", "size", "is_last"), [("86 LAST", 86, True), ("0 last", 0, True), ("100000", 100_000, False)]
)
def test_chunks(text, size, is_last):
    assert parse_chunk(text) == ChunkCommand(size, is_last)


@pytest.mark.parametrize("text", ["", "LAST", "-1", "+1", "1 2", "1LAST", "1 LAST LAST", "0x10", "1" * 21, "١"])
def test_chunks_of_no_size(text):
    assert parse_chunk(text) is None


def test_rcpt_outside_ascii_needs_smtputf8():
    assert parse_rcpt("TO:<ngân@b.vn>", smtputf8=True).forward_path == "ngân@b.vn"


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80))
def test_xtext_there_and_back(text):
    encoded = encode_xtext(text)
    assert " " not in encoded
    assert "=" not in encoded
    assert decode_xtext(encoded) == text


@given(st.text(max_size=200))
def test_nothing_but_a_syntax_fault_comes_out(text):
    for parse in (parse_mail, lambda each: parse_rcpt(each, smtputf8=True)):
        try:
            command = parse(text)
        except SyntaxFault:
            continue
        assert command is not None


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), st.text(max_size=60))
def test_paths_never_carry_what_ends_a_line_or_a_path(local, domain):
    for text in (f"FROM:<{local}@{domain}> SMTPUTF8", f'FROM:<"{local}"@{domain}> SMTPUTF8'):
        try:
            path = parse_mail(text).reverse_path
        except SyntaxFault:
            continue
        assert not any(octet in path for octet in "\r\n\0")
        assert parse_mail(f"FROM:<{path}> SMTPUTF8").reverse_path == path
