"""MAIL and RCPT as they come over the wire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.smtp.commands import (
    MailCommand,
    RcptCommand,
    SyntaxFault,
    decode_xtext,
    encode_xtext,
    parse_mail,
    parse_rcpt,
)


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
        ("FROM:<a@b.vn> AUTH=<>", MailCommand("a@b.vn")),
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
        ("FROM:<a@b.vn> BODY=BINARYMIME", 501),
        ("FROM:<a@b.vn> SMTPUTF8=1", 501),
        ("FROM:<a@b.vn> RET=SOME", 501),
        ("FROM:<a@b.vn> ENVID=a+0D+0AX", 501),
        ("FROM:<a@b.vn> X-UNKNOWN=1", 555),
        ("FROM:<a@b.vn> =1", 501),
        ("FROM:<a..b@c.vn>", 553),
        ("FROM:<a@b..vn>", 553),
        ("FROM:<a@b.vn,c@d.vn>", 553),
        ("FROM:<a b@c.vn>", 553),
        ("FROM:<nguyễn@b.vn>", 550),
        ("FROM:<" + "a" * 65 + "@b.vn>", 553),
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
