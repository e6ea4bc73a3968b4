"""Pictures in the text: how they come, how they are kept, and the shape of what goes out (RFC 2392, RFC 2387)."""

from __future__ import annotations

import base64
import io
import re
import struct
from collections.abc import Callable
from email import message_from_bytes
from email.message import Message
from html import unescape
from typing import Any

import pytest
from PIL import Image

from tests.mailserver.message.attachments.picture_files import written
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall
from webmail import create_app
from webmail.writing.inline_pictures import as_kept, named_in, used_in

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc000000301010018dd8db0"
    "0000000049454e44ae426082"
)
GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
BINH = "binh@thanhpho.example"
Json = dict[str, Any]


def save(who: Visitor, *, pictures: list[tuple[bytes, str]] | None = None, **form: Any) -> Json:
    values = {"action": "save", "mode": "rich", "to": BINH, "subject": "Có hình", **form}
    if pictures:
        values["pictures"] = [(io.BytesIO(octets), name) for octets, name in pictures]
    answer = who.post("/compose", values, headers={"X-Requested-With": "citymail"}, content_type="multipart/form-data")
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return dict(answer.get_json())


def send(who: Visitor, **form: Any) -> None:
    answer = who.post("/compose", {"action": "send", "mode": "rich", "to": BINH, "subject": "Có hình", **form})
    assert answer.status_code == 303, answer.get_data(as_text=True)


def drawn(hall: TownHall, octets: bytes) -> bytes:
    """How a browser gets to see a picture."""
    made = hall.services.attachments.picture(octets)
    assert made not in (b"", octets)
    return made


def address(saved: Json, place: int = 0) -> str:
    return f"/compose/picture/{saved['draft']}/{saved['pictures'][place]}"


def shape(part: Message) -> Any:
    if not part.is_multipart():
        return part.get_content_type()
    return (part.get_content_subtype(), *[shape(each) for each in part.get_payload()])  # type: ignore[arg-type]


def html_of(octets: bytes, kind: str = "text/html") -> str:
    [part] = [each for each in message_from_bytes(octets).walk() if each.get_content_type() == kind]
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode()


def content_ids(octets: bytes) -> set[str]:
    return {each["Content-ID"].strip("<>") for each in message_from_bytes(octets).walk() if each["Content-ID"]}


def edited(page: str) -> str:
    """What stands in the editor."""
    found = re.search(r"<div[^>]*data-rich-text[^>]*>(.*?)</div>\s*<textarea", page, re.DOTALL)
    assert found is not None
    return found[1]


def test_a_picture_goes_out_within_the_text(an: Visitor, hall: TownHall) -> None:
    saved = save(an, html="<p>Xem</p>", pictures=[(PNG, "sơ đồ.png")], files=[(io.BytesIO(b"%PDF-1.4"), "a.pdf")])
    html = f'<p>Xem <img src="{address(saved)}" alt="Sơ đồ" width="300" onload="x()"></p>'
    send(an, draft=saved["draft"], work=saved["work"], html=html)
    octets = hall.octets("binh", 1)
    assert shape(message_from_bytes(octets)) == (
        "mixed",
        ("alternative", "text/plain", ("related", "text/html", "image/png")),
        "application/pdf",
    )
    [content_id] = content_ids(octets)
    assert html_of(octets).strip() == f'<p>Xem <img src="cid:{content_id}" alt="Sơ đồ" width="300"></p>'
    reader = Visitor(create_app(hall.services), hall).sign_in("binh")
    [shown] = re.findall(r'<img src="([^"]+)"', reader.page(f"/mail/{hall.mailbox('binh').id}/1/body"))
    assert reader.get(unescape(shown)).data == drawn(hall, PNG)
    assert html_of(octets, "text/plain").strip() == "Xem [Sơ đồ]"


def test_a_draft_keeps_its_pictures_through_versions(an: Visitor, hall: TownHall) -> None:
    saved = save(an, html="<p>a</p>", pictures=[(PNG, "a.png"), (GIF, "b.gif")])
    html = f'<p><img src="{address(saved, 1)}" alt=""></p>'
    again = save(an, draft=saved["draft"], work=saved["work"], html=html)
    # an address of an older version, as undoing brings it back
    third = save(an, draft=again["draft"], work=again["work"], html=html + f'<p><img src="{address(saved)}"></p>')
    assert third["work"] == saved["work"]
    page = an.page(f"/compose/{third['draft']}")
    shown = re.findall(r'<img src="([^"]+)"', edited(page))
    assert shown == [f"/compose/picture/{third['draft']}/{saved['pictures'][place]}" for place in (1, 0)]
    assert [an.get(each).data for each in shown] == [drawn(hall, GIF), drawn(hall, PNG)]
    assert [an.get(each).headers["Content-Type"] for each in shown] == ["image/png", "image/png"]
    assert 'class="kind' not in third["enclosures"]  # they hang on nothing


def test_pictures_taken_out_of_the_text_stay_behind(an: Visitor, hall: TownHall) -> None:
    saved = save(an, html="<p>a</p>", pictures=[(PNG, "a.png"), (GIF, "b.gif")])
    kept = save(an, draft=saved["draft"], work=saved["work"], html=f'<img src="{address(saved)}">')
    assert an.get(f"/compose/picture/{kept['draft']}/{saved['pictures'][1]}").data == drawn(hall, GIF)  # for undoing
    send(an, draft=kept["draft"], html=f'<p><img src="{address(saved)}"></p>')
    assert content_ids(hall.octets("binh", 1)) == {saved["pictures"][0]}
    assert shape(message_from_bytes(hall.octets("binh", 1))) == (
        "alternative", "text/plain", ("related", "text/html", "image/png")
    )  # fmt: skip


def test_a_picture_of_nobody_is_no_picture(an: Visitor, hall: TownHall) -> None:
    html = '<p>a<img src="/compose/picture/1/x@y"><img src="cid:fremd@x"><img src="https://leak.test/x"></p>'
    send(an, html=html)
    assert html_of(hall.octets("binh", 1)).strip() == "<p>a</p>"


@pytest.mark.parametrize(
    "octets", [b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", b"%PDF-1.4", b"", b"BM" + bytes(60)]
)
def test_only_what_every_program_shows_stands_in_the_text(an: Visitor, hall: TownHall, octets: bytes) -> None:
    answer = an.post(
        "/compose",
        {"action": "save", "mode": "rich", "subject": "x", "pictures": [(io.BytesIO(octets), "a.png")]},
        headers={"X-Requested-With": "citymail"},
        content_type="multipart/form-data",
    )
    assert answer.status_code == 422
    assert "PNG" in answer.get_json()["error"]
    assert hall.rows("an", "Drafts") == []


def test_too_many_octets_are_said_and_nothing_is_lost(an: Visitor, hall: TownHall) -> None:
    heavy = written(Image.effect_noise((410, 410), 100), "PNG")
    assert 145_000 < len(heavy) < 165_000
    saved = save(an, html="<p>a</p>", pictures=[(heavy, "a.png")])
    # the first is not in the text, and makes room
    second = save(an, draft=saved["draft"], html="<p>b</p>", pictures=[(heavy, "b.png")])
    assert an.get(address(second)).status_code == 200
    assert an.get(f"/compose/picture/{second['draft']}/{saved['pictures'][0]}").status_code == 404
    html = f'<img src="{address(second)}">'
    third = save(an, draft=second["draft"], html=html)
    answer = an.post(
        "/compose",
        {"action": "save", "mode": "rich", "draft": third["draft"], "html": html, "to": BINH,
         "pictures": [(io.BytesIO(heavy), "c.png")]},
        headers={"X-Requested-With": "citymail"},
        content_type="multipart/form-data",
    )  # fmt: skip
    assert answer.status_code == 409
    assert "error" in answer.get_json()
    assert [uid for uid, _flags, _subject in hall.rows("an", "Drafts")] == [third["draft"]]


def test_what_a_telephone_writes_beside_a_picture_does_not_go_out(an: Visitor, hall: TownHall) -> None:
    place = b"10.7769N 106.7009E"
    taken = PNG[:33] + struct.pack(">I", len(place)) + b"eXIf" + place + bytes(4) + PNG[33:]
    save(an, html="<p>a</p>", pictures=[(taken, "a.png")])
    [draft] = [uid for uid, _flags, _subject in hall.rows("an", "Drafts")]
    [kept] = [each for each in message_from_bytes(hall.octets("an", draft, "Drafts")).walk() if each["Content-ID"]]
    assert kept.get_payload(decode=True) == PNG
    broken = {"action": "save", "mode": "rich", "html": "<p>a</p>", "pictures": [(io.BytesIO(taken[:50]), "b.png")]}
    assert an.post("/compose", broken, content_type="multipart/form-data").status_code == 422


def test_without_script_pictures_become_files(an: Visitor, hall: TownHall) -> None:
    saved = save(an, html="<p>a</p>", pictures=[(PNG, "a.png"), (GIF, "b.gif")])
    kept = save(an, draft=saved["draft"], html=f'<p>a<img src="{address(saved)}"></p>')
    page = an.page(f"/compose/{kept['draft']}")
    assert "data-plain-text" in page
    send(an, draft=kept["draft"], mode="plain", text="Chữ trơn", html="")
    assert shape(message_from_bytes(hall.octets("binh", 1))) == ("mixed", "text/plain", "image/png")
    assert message_from_bytes(hall.octets("binh", 1)).get_payload()[1].get_filename() == "a.png"  # type: ignore[index,union-attr]


def with_pictures() -> bytes:
    """A message as Outlook writes them."""
    head = (
        "From: Chi <chi@thanhpho.example>\r\nTo: an@thanhpho.example\r\nSubject: Co hinh\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/related; boundary="b"; type="text/html"\r\n\r\n'
    )
    html = '<p>Xem <img src="cid:image001.png@01DA.5C" width=12 onerror=x> và <img src=cid:bild2 alt=Hai></p>'
    parts = [f"Content-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n"]
    for content_id, kind, octets in (
        ("image001.png@01DA.5C", "png", PNG), ("bild2", "gif", GIF), ("unbenutzt", "png", PNG),
    ):  # fmt: skip
        encoded = base64.encodebytes(octets).decode()
        parts.append(
            f"Content-Type: image/{kind}; name={content_id[:5]}.{kind}\r\nContent-ID: <{content_id}>\r\n"
            f"Content-Transfer-Encoding: base64\r\n\r\n{encoded}\r\n"
        )
    return (head + "".join(f"--b\r\n{each}" for each in parts) + "--b--\r\n").encode()


def test_a_forwarded_message_keeps_its_pictures(an: Visitor, hall: TownHall) -> None:
    uid = hall.put("an", with_pictures())
    page = an.page(f"/compose?forward={hall.mailbox('an').id}:{uid}")
    shown = [unescape(each) for each in re.findall(r'<img src="([^"]+)"', edited(page))]
    assert [an.get(each).data for each in shown] == [drawn(hall, PNG), drawn(hall, GIF)]
    assert 'width="12"' in edited(page)
    sources = re.findall(r'name="carry_picture" value="([^"]+)"', page)
    files = re.findall(r'name="carry" value="([^"]+)"', page)
    assert (len(sources), len(files)) == (2, 1)
    send(an, html=edited(page), carry_picture=sources, carry=files)
    octets = hall.octets("binh", 1)
    assert shape(message_from_bytes(octets)) == (
        "mixed",
        ("alternative", "text/plain", ("related", "text/html", "image/png", "image/gif")),
        "image/png",
    )
    assert used_in(html_of(octets)) == content_ids(octets)
    assert "image001" not in html_of(octets)  # strangers' names go no further


def test_forwarding_without_script_takes_them_as_files(an: Visitor, hall: TownHall) -> None:
    uid = hall.put("an", with_pictures())
    page = an.page(f"/compose?forward={hall.mailbox('an').id}:{uid}")
    sources = re.findall(r'name="carry_picture" value="([^"]+)"', page)
    send(an, mode="plain", text="x", carry_picture=sources)
    assert shape(message_from_bytes(hall.octets("binh", 1))) == ("mixed", "text/plain", "image/png", "image/gif")


def test_an_answer_quotes_words_alone(an: Visitor, hall: TownHall) -> None:
    uid = hall.put("an", with_pictures())
    page = an.page(f"/compose?reply={hall.mailbox('an').id}:{uid}")
    assert '<blockquote type="cite">' in edited(page)
    assert "<img" not in edited(page)
    assert "carry" not in page


def test_a_sent_letter_is_written_again(an: Visitor, hall: TownHall) -> None:
    saved = save(an, html="<p>a</p>", pictures=[(PNG, "a.png")], files=[(io.BytesIO(b"x"), "a.txt")])
    send(an, draft=saved["draft"], html=f'<p>Xem <img src="{address(saved)}" alt="q"></p>', bcc="chi@thanhpho.example")
    page = an.page(f"/compose?again={hall.mailbox('an', 'Sent').id}:1")
    [shown] = re.findall(r'<img src="([^"]+)"', edited(page))
    assert an.get(unescape(shown)).data == drawn(hall, PNG)
    assert "a.txt" in page
    assert "chi@thanhpho.example" in page
    assert 'name="in_reply_to" value=""' in page


def test_other_peoples_pictures_do_not_exist(an: Visitor, hall: TownHall, sign_in: Callable[[str], Visitor]) -> None:
    saved = save(an, html="<p>a</p>", pictures=[(PNG, "a.png")])
    uid = hall.put("an", with_pictures())
    box = hall.mailbox("an").id
    binh = sign_in("binh")
    binh.page("/compose")
    for path in (
        address(saved),
        f"/compose/picture/{box}:{uid}:2/x@y",
        "/compose/picture/1:2/x",
        "/compose/picture/x/y",
    ):
        assert binh.get(path).status_code == 404
    send(binh, to="chi@thanhpho.example", html="<p>a</p>", carry_picture=f"{box}:{uid}:2")
    assert content_ids(hall.octets("chi", 1)) == set()


@pytest.mark.parametrize(
    ("given", "content_id"),
    [
        ("cid:a@b", "a@b"), ("CID:a%40b", "a@b"), ("/compose/picture/3/a@b", "a@b"),
        ("/compose/picture/1:2:3/a%2Fb", "a/b"), ("/compose/picture/3", ""), ("https://x/compose/picture/3/a@b", ""),
        ("/compose/picture/3/a/b", ""), ("/mail/1/2/part/3/inline", ""), ("", ""),
    ],
)  # fmt: skip
def test_what_an_address_names(given: str, content_id: str) -> None:
    assert named_in(given) == content_id
    kept = as_kept(given)
    assert (kept is not None) == bool(content_id)
    assert kept is None or named_in(kept) == content_id
