"""RFC 9788: written by us, and as the RFC's own examples have it."""

from __future__ import annotations

import pytest

from security.cms import Verdict, encrypt, open_message, sign, verify, without_legacy_display
from security.cms.mime import read_entity
from security.cms.protected import read_protected
from tests.security.cms.forging import honest
from tests.security.cms.people import BINH, LETTER, NOW, person, signing, trusting
from tests.security.cms.wrapping import detached

# RFC 9788 §C.3.1.2, what is inside both layers
PAYLOAD = (
    b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: 7bit\r\nSubject: smime-signed-enc-hp-baseline\r\n"
    b"Message-ID: <smime-signed-enc-hp-baseline@example>\r\nFrom: Alice <alice@smime.example>\r\n"
    b"To: Bob <bob@smime.example>\r\nDate: Sat, 20 Feb 2021 10:09:02 -0500\r\nUser-Agent: Sample MUA Version 1.0\r\n"
    b"HP-Outer: Subject: [...]\r\nHP-Outer: Message-ID: <smime-signed-enc-hp-baseline@example>\r\n"
    b"HP-Outer: From: Alice <alice@smime.example>\r\nHP-Outer: To: Bob <bob@smime.example>\r\n"
    b"HP-Outer: Date: Sat, 20 Feb 2021 10:09:02 -0500\r\nHP-Outer: User-Agent: Sample MUA Version 1.0\r\n"
    b'Content-Type: text/plain; charset="utf-8"; hp="cipher"\r\n\r\nThis is the\r\n'
)


def sealed(message=LETTER, **how):
    to = [person("rsa", BINH).recipient]
    return b"".join(encrypt(message, to, at=NOW, judge=trusting(), signing=signing(), **how))


def opened(octets):
    return open_message(octets, at=NOW, now=NOW, judge=trusting(), keys=[person("rsa", BINH).memory])


def test_the_rfcs_own():
    found = read_protected(read_entity(PAYLOAD), is_encrypted=True)
    assert found.is_cipher
    assert found.hidden == {"subject"}
    assert found.entity.values("subject") == ["smime-signed-enc-hp-baseline"]
    assert {field.name for field in found.fields} == {"subject", "message-id", "from", "to", "date", "user-agent"}
    # said to be encrypted, and is not
    assert not read_protected(read_entity(PAYLOAD), is_encrypted=False).hidden


@pytest.mark.parametrize("said", [b"", b"; hp=x", b'; hp="clear"; hp="cipher"'])
def test_nothing_is_protected_that_does_not_say_so(said):
    assert (
        read_protected(read_entity(b"Subject: x\r\nContent-Type: text/plain" + said + b"\r\n\r\n"), is_encrypted=True)
        is None
    )


def test_signed():
    message = b"".join(sign(LETTER, signing()))
    assert b"Subject: Quyet dinh 123" in message[: message.index(b"--=_")]
    found = verify(message.replace(b"Subject: Quyet dinh 123", b"Subject: changed", 1), at=NOW, judge=trusting())
    assert found.verdict is Verdict.VALID
    assert found.header.entity.values("subject") == ["Quyet dinh 123"]
    assert not found.header.is_cipher
    assert not found.header.hidden


def test_encrypted():
    letter = LETTER.replace(b"Subject:", b"Keywords: budget\r\nBcc: chi@tphcm.gov.vn\r\nReceived: x\r\nSubject:", 1)
    message = sealed(letter)
    outer = read_entity(message)
    assert outer.values("subject") == ["[...]"]
    assert not outer.values("keywords")
    assert outer.values("bcc") == ["chi@tphcm.gov.vn"]
    found = opened(message)
    assert found.verdict is Verdict.VALID
    assert found.header.hidden == {"subject", "keywords"}
    assert found.header.entity.values("keywords") == ["budget"]
    assert not found.header.entity.values("bcc")
    assert not found.header.entity.values("received")
    assert found.header.entity.values("hp-outer") == []


def test_the_subject_may_stay_outside():
    message = sealed(hides_subject=False)
    assert read_entity(message).values("subject") == ["Quyet dinh 123"]
    assert not opened(message).header.hidden


def test_a_payload_says_hp_once():
    letter = LETTER.replace(b"charset=utf-8", b'charset=utf-8; HP="cipher";', 1)
    found = verify(b"".join(sign(letter, signing())), at=NOW, judge=trusting())
    assert found.entity.content_type.parameters == {"charset": "utf-8", "hp": "clear"}
    assert found.entity.is_clear
    found = verify(b"".join(sign(b"From: an@tphcm.gov.vn\r\n\r\nText", signing())), at=NOW, judge=trusting())
    assert found.entity.content_type.parameters["hp"] == "clear"


def test_another_author_inside_is_believed_by_nobody():
    """An outer From that everybody sees, an inner one that fits the certificate."""
    inside = LETTER[: LETTER.index(b"MIME-Version")] + b'Content-Type: text/plain; hp="clear"\r\n\r\nText\r\n'
    message = detached(honest(person(), inside), inside, header=b"From: chu.tich@tphcm.gov.vn\r\n")
    found = verify(message, at=NOW, judge=trusting())
    assert (found.verdict, found.reason) == (Verdict.ADDRESS_MISMATCH, "outer-author-differs")
    assert found.header.entity.values("from") == ["chu.tich@tphcm.gov.vn"]
    assert found.header.entity.values("subject") == ["Quyet dinh 123"]


def test_a_payload_without_an_author():
    inside = b'Subject: x\r\nContent-Type: text/plain; hp="clear"\r\n\r\nText\r\n'
    found = verify(detached(honest(person(), inside), inside), at=NOW, judge=trusting())
    assert found.verdict is Verdict.VALID
    assert found.header.entity.values("from") == ["an@tphcm.gov.vn"]
    stranger = detached(honest(person(), inside), inside, header=b"From: chu.tich@tphcm.gov.vn\r\n")
    assert verify(stranger, at=NOW, judge=trusting()).verdict is Verdict.ADDRESS_MISMATCH


def test_legacy_display():
    text = "Subject: Dinner plans\r\nTo: a,\r\n b\r\n\r\nLet's meet\r\n\r\nat 8\r\n"
    assert without_legacy_display(text, is_html=False) == "Let's meet\r\n\r\nat 8\r\n"
    assert without_legacy_display("Let's meet\n", is_html=False) == "Let's meet\n"
    html = '<body><div class="header-protection-legacy-display">\n<pre>Subject: x</pre></div><p>y</p>'
    assert without_legacy_display(html, is_html=True) == "<body><p>y</p>"
