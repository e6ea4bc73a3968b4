"""The full way: a letter is written, signed or encrypted by the key process, delivered, and read."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pytest

from directory.mail import group_rights, groups
from directory.pki import correspondents
from directory.pki.certificates import ENCRYPTION, SIGNING, certificates_of, revoke
from directory.record import entries
from mailserver.message.headers import find_field, text_of
from security.cms import is_encrypted
from tests.webmail.certified_hall import Authorities, certified_hall
from tests.webmail.conftest import Visitor
from tests.webmail.smime.test_reading_protected import told
from tests.webmail.town_hall import TownHall, letter
from tests.webmail.writing.test_inline_pictures import PNG, drawn
from webmail import create_app

BINH = "Trần Quốc Bình <binh@thanhpho.example>"
SECRET = "Mức lương mới là 12 triệu"
SignIn = Callable[[str], Visitor]


def send(who: Visitor, **form: Any) -> Any:
    values = {"action": "send", "choices": "1", "sign": "1", "to": BINH, "subject": "Thử", "text": SECRET, **form}
    values = {name: value for name, value in values.items() if value is not None}
    return who.post("/compose", values, content_type="multipart/form-data")


def read(who: Visitor, hall: TownHall, login: str, name: str = "INBOX", uid: int = 1) -> tuple[list[str], str]:
    path = f"/mail/{hall.mailbox(login, name).id}/{uid}"
    return told(who.page(path)), who.page(f"{path}/body")


def test_signed_by_default_and_valid_where_it_is_read(an: Visitor, hall: TownHall, sign_in: SignIn) -> None:
    form = an.page("/compose")
    assert re.search(r'name="sign" value="1" checked', form)
    assert not re.search(r'name="encrypt" value="1" checked', form)
    assert send(an).status_code == 303
    assert read(sign_in("binh"), hall, "binh") == (["valid"], read(an, hall, "an", "Sent")[1])
    assert read(an, hall, "an", "Sent")[0] == ["valid"]
    assert SECRET in read(an, hall, "an", "Sent")[1]
    # a client without our form signs too; who unticks it does not
    an.post("/compose", {"action": "send", "to": BINH, "text": "x"})
    send(an, sign=None)
    reader = sign_in("binh")
    assert [read(reader, hall, "binh", uid=uid)[0] for uid in (2, 3)] == [["valid"], []]


def test_encrypted_for_its_readers_and_its_writer(an: Visitor, hall: TownHall, sign_in: SignIn) -> None:
    upload = [(io.BytesIO(b"bang luong"), "Lương.txt")]
    answer = send(an, encrypt="1", subject="Lương", cc="chi@thanhpho.example", files=upload)
    assert answer.status_code == 303
    for login in ("binh", "chi"):
        octets = hall.octets(login, 1)
        assert is_encrypted(octets)
        assert text_of(octets, "Subject") == "[...]"
        assert read(sign_in(login), hall, login)[0] == ["encrypted", "valid"]
    states, frame = read(an, hall, "an", "Sent")
    assert states == ["encrypted", "valid"]
    assert SECRET in frame
    assert "Lương.txt" in an.page(f"/mail/{hall.mailbox('an', 'Sent').id}/1")


def test_a_group_reads_it_one_by_one(an: Visitor, hall: TownHall, sign_in: SignIn) -> None:
    assert send(an, encrypt="1", to="toanso@thanhpho.example").status_code == 303
    for login in ("binh", "huong"):
        assert read(sign_in(login), hall, login)[0] == ["encrypted", "valid"]


@pytest.mark.parametrize(
    ("to", "fault"),
    [
        ("khach@doitac.example", "khach@doitac.example: chưa biết chứng thư"),
        ("binh@thanhpho.example, chi@thanhpho.example", "chi@thanhpho.example: chưa biết chứng thư"),
        ("toanso@thanhpho.example", "toanso@thanhpho.example: trong nhóm có người không đọc được"),
    ],
)
def test_who_cannot_read_it_is_named_and_nobody_gets_it(an: Visitor, hall: TownHall, to: str, fault: str) -> None:
    with hall.services.directory.write() as conn:
        for login in ("chi", "huong"):
            mine = [one for one in certificates_of(conn, hall.account(login).id) if one.purpose == ENCRYPTION]
            revoke(conn, "test", mine, "superseded")
    answer = send(an, encrypt="1", to=to)
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert fault in page
    assert SECRET in page
    checked = send(an, action="check", encrypt="1", to=to).get_data(as_text=True)  # without script
    assert fault.partition(": ")[2] in checked
    told = an.ask("/compose/readers", {"to": to}).get_json()
    assert fault.partition(": ")[2] in "".join(each["told"] for each in told["readers"])
    assert [hall.rows(login) for login in ("binh", "chi", "huong")] == [[], [], []]
    assert hall.rows("an", "Sent") == []


def test_no_bcc_with_encryption(an: Visitor, hall: TownHall) -> None:
    answer = send(an, encrypt="1", bcc="chi@thanhpho.example")
    assert answer.status_code == 422
    assert "không thể gửi ẩn" in answer.get_data(as_text=True)
    assert hall.rows("binh") == hall.rows("chi") == []


def test_a_moderated_group_gets_nothing_encrypted(an: Visitor, hall: TownHall) -> None:
    with hall.services.directory.write() as conn:
        group = groups.find_group(conn, "toanso@thanhpho.example")
        groups.alter_group(conn, "test", group.id, is_moderated=True)
        group_rights.set_moderators(conn, "test", group.id, [hall.account("huong").id])
    assert "có người kiểm duyệt" in send(an, encrypt="1", to="toanso@thanhpho.example").get_data(as_text=True)


def test_a_group_that_hides_its_members_is_not_named_in_an_envelope(an: Visitor, hall: TownHall) -> None:
    with hall.services.directory.write() as conn:
        group = groups.find_group(conn, "toanso@thanhpho.example")
        groups.alter_group(conn, "test", group.id, hides_members=True)
    assert "nhóm giấu thành viên" in send(an, encrypt="1", to="toanso@thanhpho.example").get_data(as_text=True)
    assert hall.rows("binh") == []


def test_a_unit_signs_as_the_unit_and_who_did_is_recorded(hall: TownHall, sign_in: SignIn) -> None:
    huong = sign_in("huong")
    asked = send(huong, encrypt="1", author="vanthu.snv@thanhpho.example").get_data(as_text=True)
    [path] = re.findall(r'action="(/compose/\d+/prove)"', asked)
    assert huong.post(path, {"action": "send", "password": hall.password}).status_code == 303
    binh = sign_in("binh")
    assert read(binh, hall, "binh")[0] == ["encrypted", "valid"]
    details = binh.page(f"/mail/{hall.mailbox('binh').id}/1/protection")
    assert "Văn thư Sở Nội vụ" in details
    assert "vanthu.snv@thanhpho.example" in details
    assert "Hương" not in details
    assert read(huong, hall, "huong", "Sent")[0] == ["encrypted", "valid"]
    with hall.services.directory.read() as conn:
        recorded = [
            one for one in entries(conn) if one.actor == hall.address("huong") and one.action.startswith("key.")
        ]
    assert ("vanthu.snv@thanhpho.example", "key.sign") in [(one.subject, one.action) for one in recorded]


def test_a_unit_reads_what_was_encrypted_for_it(an: Visitor, hall: TownHall, sign_in: SignIn) -> None:
    assert send(an, encrypt="1", to="vanthu.snv@thanhpho.example").status_code == 303
    huong = sign_in("huong")
    huong.post("/open", {"account": hall.account("vanthu.snv").id})
    states, frame = read(huong, hall, "vanthu.snv")
    assert states == ["encrypted", "valid"]
    assert SECRET in frame


def test_drafts_of_encrypted_letters_are_encrypted(an: Visitor, hall: TownHall) -> None:
    saved = an.ask(
        "/compose", {"action": "save", "choices": "1", "encrypt": "1", "to": BINH, "subject": "Kín", "text": SECRET}
    )
    uid = saved.get_json()["draft"]
    octets = hall.octets("an", uid, "Drafts")
    assert is_encrypted(octets)
    assert b"Kin" not in octets
    form = an.page(f"/compose/{uid}")
    assert SECRET in form
    assert re.search(r'name="encrypt" value="1" checked', form)
    assert not re.search(r'name="sign" value="1" checked', form)
    assert send(an, draft=str(uid), encrypt="1").status_code == 303
    assert hall.rows("an", "Drafts") == []


def test_an_answer_to_an_encrypted_message_stays_encrypted(an: Visitor, hall: TownHall, sign_in: SignIn) -> None:
    send(an, encrypt="1", subject="Kín", files=[(io.BytesIO(b"bang luong"), "luong.txt")])
    binh = sign_in("binh")
    key = f"{hall.mailbox('binh').id}:1"
    form = binh.page(f"/compose?reply={key}")
    assert SECRET in form
    assert "Re: Kín" in form
    assert re.search(r'name="encrypt" value="1" checked', form)
    to = "Nguyễn Thị Hoài An <an@thanhpho.example>"
    clear = send(binh, to=to, text=f"> {SECRET}", secret="1", answers=f"reply {key}")
    assert clear.status_code == 422
    assert "trích một thư đã mã hóa" in clear.get_data(as_text=True)
    assert hall.rows("an") == []
    kept = binh.ask("/compose", {"action": "save", "choices": "1", "secret": "1", "to": to, "text": SECRET}).get_json()
    assert is_encrypted(hall.octets("binh", kept["draft"], "Drafts"))
    assert send(binh, to=to, text=f"> {SECRET}", secret="1", encrypt="1", answers=f"reply {key}").status_code == 303
    assert read(an, hall, "an")[0] == ["encrypted", "valid"]
    # without the quotation it may go out as anything does
    bare = binh.page(f"/compose?reply={key}&unquoted=1")
    assert SECRET not in bare
    assert "Kín" not in bare
    assert not re.search(r'name="encrypt" value="1" checked|name="secret"', bare)
    # what hangs on it goes along, and out encrypted only
    forward = binh.page(f"/compose?forward={key}")
    [source] = re.findall(r'name="carry" value="([^"]+)"', forward)
    assert 'name="secret" value="1"' in forward
    assert send(binh, to="chi@thanhpho.example", secret="1", encrypt="1", carry=source).status_code == 303
    chi = sign_in("chi")
    assert "luong.txt" in chi.page(f"/mail/{hall.mailbox('chi').id}/1")


def test_what_was_sent_and_taken_back_can_be_gone_on_with(authorities: Authorities, an: Visitor) -> None:
    hall = authorities.hall
    an.post("/settings/undo-send", {"seconds": "30"})
    answer = send(an, encrypt="1", subject="Kín")
    assert answer.status_code == 303
    [item] = set(re.findall(r"/scheduled/(\d+)/take-back", an.page("/scheduled")))
    then = an.post(f"/scheduled/{item}/take-back", {}).headers["Location"]
    form = an.page(then)
    assert SECRET in form
    assert 'value="Kín"' in form
    assert re.search(r'name="encrypt" value="1" checked', form)
    assert hall.rows("binh") == []


def test_a_confirmed_guest_gets_encrypted_mail(authorities: Authorities, an: Visitor) -> None:
    hall = authorities.hall
    guest = authorities.stranger("khach@doitac.example", trusted=True, purpose=ENCRYPTION)
    with hall.services.directory.write() as conn:
        correspondents.confirm(
            conn, hall.account("an").id, guest.address, guest.key.certificate, companions=[guest.issuing]
        )
    assert an.ask("/compose/readers", {"to": guest.address}).get_json()["readers"] == [
        {"address": guest.address, "told": ""}
    ]
    assert send(an, encrypt="1", to=guest.address).status_code == 303
    assert is_encrypted(hall.octets("an", 1, "Sent"))


def test_without_a_certificate_one_writes_as_ever(an: Visitor, hall: TownHall) -> None:
    with hall.services.directory.write() as conn:
        revoke(conn, "test", certificates_of(conn, hall.account("an").id), "superseded")
    form = an.page("/compose")
    assert 'type="checkbox" name="sign"' not in form
    assert send(an).status_code == 303
    assert find_field(hall.octets("binh", 1), "Content-Type") != "multipart/signed"
    assert "Bạn chưa có chứng thư" in send(an, encrypt="1").get_data(as_text=True)


def test_a_key_that_is_away_is_told_and_nothing_goes_out(authorities: Authorities, an: Visitor) -> None:
    hall = authorities.hall
    authorities.holder.stop()
    answer = send(an)
    assert answer.status_code == 409
    assert "Hiện chưa dùng được khóa" in answer.get_data(as_text=True)
    assert hall.rows("binh") == []
    assert send(an, sign=None).status_code == 303


def test_lists_of_the_city_and_its_units_bind_the_webmail(tmp_path: Any) -> None:
    with certified_hall(tmp_path, smime={"must_encrypt_to": ("thanhpho.example",)}) as made:
        hall = made.hall
        an = Visitor(create_app(hall.services), hall).sign_in("an")
        assert "phải được mã hóa" in an.page("/compose?to=binh@thanhpho.example")
        assert send(an).status_code == 303  # the page need not be asked: it is done
        assert is_encrypted(hall.octets("binh", 1))


def test_sealed_keys_open_at_sign_in_and_by_their_password(
    authorities: Authorities, hall: TownHall, sign_in: SignIn
) -> None:
    authorities.seal("SNV")
    an = sign_in("an")  # at which they are sealed under the password
    hall.put("an", letter())
    send(an, encrypt="1", to="an@thanhpho.example")
    path = f"/mail/{hall.mailbox('an').id}/2"
    assert told(an.page(path)) == ["encrypted", "valid"]
    authorities.holder.stop()
    authorities.holder.start()
    page = an.page(path)
    assert told(page) == ["locked"]
    assert f"/keys?next={path}" in page
    wrong = an.post("/keys", {"password": "sai rồi", "next": path})
    assert (wrong.status_code, "Mật khẩu chưa đúng" in wrong.get_data(as_text=True)) == (422, True)
    assert an.post("/keys", {"password": hall.password, "next": path}).headers["Location"] == path
    assert told(an.page(path)) == ["encrypted", "valid"]


def test_a_revoked_key_does_not_sign(an: Visitor, hall: TownHall) -> None:
    with hall.services.directory.write() as conn:
        mine = [one for one in certificates_of(conn, hall.account("an").id) if one.purpose == SIGNING]
        revoke(conn, "test", mine, "key-compromise")
    assert send(an).status_code == 303
    assert b"multipart/signed" not in hall.octets("binh", 1)


@pytest.mark.parametrize("encrypt", [None, "1"])
def test_pictures_in_the_text_are_protected_with_it(
    an: Visitor, hall: TownHall, sign_in: SignIn, encrypt: str | None
) -> None:
    saved = an.post(
        "/compose",
        {"action": "save", "mode": "rich", "choices": "1", "sign": "1", "html": "<p>a</p>", "subject": "Có hình",
         "pictures": [(io.BytesIO(PNG), "a.png")], **({"encrypt": encrypt} if encrypt else {})},
        headers={"X-Requested-With": "citymail"},
        content_type="multipart/form-data",
    ).get_json()  # fmt: skip
    path = f"/compose/picture/{saved['draft']}/{saved['pictures'][0]}"
    draft = hall.octets("an", saved["draft"], "Drafts")
    assert is_encrypted(draft) is bool(encrypt)
    assert find_field(draft, "X-CityMail-Draft") == saved["work"]  # another version of it is found unopened
    assert an.get(path).data == drawn(hall, PNG)
    send(an, draft=saved["draft"], mode="rich", encrypt=encrypt, html=f'<p>Xem <img src="{path}" alt="q"></p>')
    for login in ("binh", "an"):
        reader, box = sign_in(login), "Sent" if login == "an" else "INBOX"
        states, body = read(reader, hall, login, box)
        assert states == (["encrypted", "valid"] if encrypt else ["valid"])
        [shown] = re.findall(r'<img src="([^"]+)"', body)
        assert reader.get(shown).data == drawn(hall, PNG)
