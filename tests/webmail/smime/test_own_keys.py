"""One's own certificates on a page, and the key in a file for who proves himself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from html import unescape
from io import BytesIO
from typing import Any

import pytest

from directory.pki import trust
from directory.pki.certificates import ENCRYPTION, SIGNING, Certificate, certificates_of, revoke
from directory.record import entries
from security.authority import pkcs12
from tests.security.authority.making import der, end, key, root
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import PASSWORD, TownHall

PHRASE = "mot-cum-tu-rat-dai"


def held(hall: TownHall, login: str, purpose: str) -> Certificate:
    with hall.services.directory.read() as conn:
        return next(each for each in certificates_of(conn, hall.account(login).id) if each.purpose == purpose)


def take(who: Visitor, certificate: Certificate, **form: str) -> Any:
    values = {"certificate": certificate.id, "password": PASSWORD, "passphrase": PHRASE, "again": PHRASE, **form}
    return who.post("/settings/keys", values)


def test_what_is_held_is_shown_with_its_state(an: Visitor, hall: TownHall) -> None:
    page = an.page("/settings/keys")
    for purpose in (SIGNING, ENCRYPTION):
        assert held(hall, "an", purpose).serial in page
    assert page.count("đang dùng") == 2
    assert page.count("Mang khóa theo</button>") == 1  # a key that signs does not go out
    with hall.services.directory.write() as conn:
        revoke(conn, "test", [held(hall, "an", SIGNING)], "key-compromise")
    assert "đã bị thu hồi" in an.page("/settings/keys")
    assert held(hall, "binh", ENCRYPTION).serial not in page


def test_the_key_goes_out_to_who_proves_himself(an: Visitor, hall: TownHall) -> None:
    ours = held(hall, "an", ENCRYPTION)
    answer = take(an, ours)
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="an_thanhpho.example.p12"')
    assert answer.headers["Cache-Control"] == "private, no-store"
    _key, certificate, _chain = pkcs12.read(answer.data, PHRASE)
    assert f"{certificate.serial_number:x}" == ours.serial
    with hall.services.directory.read() as conn:
        assert [each.subject for each in entries(conn) if each.action == "certificate.export"] == [
            "an@thanhpho.example"
        ]


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"password": "sai"}, "không đúng"),
        ({"password": ""}, "không đúng"),
        ({"passphrase": "ngan", "again": "ngan"}, "quá ngắn"),
        ({"again": "khac"}, "không giống nhau"),
    ],
)
def test_and_to_nobody_else(an: Visitor, hall: TownHall, form: dict[str, str], told: str) -> None:
    answer = take(an, held(hall, "an", ENCRYPTION), **form)
    assert answer.status_code == 422
    assert told in answer.get_data(as_text=True)


def test_no_other_key_goes_out(an: Visitor, hall: TownHall, sign_in: Callable[[str], Visitor]) -> None:
    for other in (held(hall, "an", SIGNING), held(hall, "binh", ENCRYPTION)):
        assert take(an, other).status_code == 422
    clerk = sign_in("huong")
    clerk.post("/open", {"account": hall.account("vanthu.snv").id})
    assert "Mang khóa theo</button>" not in clerk.page("/settings/keys")
    assert take(clerk, held(hall, "vanthu.snv", ENCRYPTION)).status_code == 422


# -- keys that are brought along


def another(hall: TownHall, address: str = "an@thanhpho.example", *, is_trusted: bool = True) -> bytes:
    """A file as another authority gives it out."""
    now = datetime.now(UTC)
    top = root("Other Root" if is_trusted else "Nobody", now=now)
    if is_trusted:
        with hall.services.directory.write() as conn:
            trust.trust_authority(conn, "test", der(top.certificate), lists_revocations=False)
    own = end(top, address, now=now)
    return pkcs12.write("an", key("end"), own, [der(top.certificate)], PHRASE)


def bring(who: Visitor, octets: bytes, **form: str) -> Any:
    who.get("/settings/keys")
    given = {"file": (BytesIO(octets), "an.p12"), "passphrase": PHRASE, "password": PASSWORD, **form}
    return who.post("/settings/keys/bring", given)


def test_a_key_of_another_authority_is_taken_up_and_signs(an: Visitor, hall: TownHall) -> None:
    before = an.page("/settings/keys").count("đang dùng")
    assert bring(an, another(hall)).status_code == 303
    assert an.page("/settings/keys").count("đang dùng") > before
    with hall.services.directory.read() as conn:
        (entry,) = [each for each in entries(conn) if each.action == "certificate.import"]
        assert (entry.actor, entry.subject) == ("an@thanhpho.example", "an@thanhpho.example")
        mine = [each for each in certificates_of(conn, hall.account("an").id) if each.issuer_id is None]
    assert mine
    assert all(each.key_id for each in mine)


def test_what_is_not_taken_up_is_told_in_words(an: Visitor, hall: TownHall) -> None:
    good = another(hall)

    def told(octets: bytes, **form: str) -> str:
        answer = bring(an, octets, **form)
        assert answer.status_code == 422
        return unescape(answer.get_data(as_text=True))

    assert "Mật khẩu hiện tại không đúng" in told(good, password="sai")
    assert "không mở được" in told(good, passphrase="một mật khẩu khác")
    assert "không mở được" in told(b"")
    assert "quá lớn" in told(b"x" * (300 << 10))
    assert "không dành cho an@" in told(another(hall, "binh@thanhpho.example"))
    assert "bảo đảm" in told(another(hall, is_trusted=False))
    with hall.services.directory.read() as conn:
        assert all(each.issuer_id for each in certificates_of(conn, hall.account("an").id))
