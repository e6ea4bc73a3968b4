"""Formatted text in a browser: what keys, tools, clipboards and input methods make of it."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.axe import faults
from tests.browser.test_writing_mail import saved, write
from tests.webmail import hostile
from tests.webmail.auditing import Auditor
from tests.webmail.town_hall import TownHall
from tests.webmail.writing.test_inline_pictures import GIF, PNG, content_ids, html_of
from webmail.contents.composed import clean_composed
from webmail.writing.inline_pictures import as_kept

pytestmark = pytest.mark.browser

WORD = """<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><style>p.MsoNormal{margin:0}</style></head>
<body><!--StartFragment--><p class=MsoNormal align=center style='text-align:center'><b><span
style='font-size:14.0pt'>TỜ TRÌNH<o:p></o:p></span></b></p><p class=MsoNormal>Về việc <span
style='color:red'>khẩn</span> <i>mua sắm</i></p>
<p class=MsoListParagraphCxSpFirst style='text-indent:-.25in;mso-list:l0 level1 lfo1'><![if !supportLists]><span
style='mso-list:Ignore'>1.<span style='font:7.0pt "Times New Roman"'>&nbsp;&nbsp; </span></span><![endif]>Máy tính</p>
<p class=MsoListParagraphCxSpLast style='text-indent:-.25in;mso-list:l0 level2 lfo1'><![if !supportLists]><span
style='mso-list:Ignore'>a.<span>&nbsp; </span></span><![endif]>Màn hình</p>
<table class=MsoTableGrid border=0 cellspacing=0 cellpadding=0 style='border-collapse:collapse'><tr>
<td width=200 style='border:solid windowtext 1.0pt;background:#FFF2CC'><p class=MsoNormal>Tên</p></td>
<td style='border:solid windowtext 1.0pt'><p class=MsoNormal align=right style='text-align:right'>1.000</p></td></tr>
</table><v:shape><v:imagedata src="file:///C:/anh.png"/></v:shape><img src="file:///C:/anh.png"><!--EndFragment--></body></html>"""
SHEETS = (  # Google Sheets
    '<google-sheets-html-origin><style>td{border:1px}</style><table dir="ltr" border="1" style="table-layout:fixed">'
    '<colgroup><col width="100"></colgroup><tbody><tr style="height:21px"><td style="font-weight:bold">Quý</td>'
    '<td style="text-align:right">12</td></tr></tbody></table></google-sheets-html-origin>'
)
DOCS = (  # Google Docs wraps all in a <b> that is none
    '<b style="font-weight:normal;" id="docs-1"><p dir="ltr"><span style="font-weight:700;color:#1155cc">'
    'Đậm</span><span style="font-weight:400"> thường</span></p></b>'
)


def box_of(page: Page) -> Locator:
    return page.locator("[data-rich-text]")


def begin(page: Page, text: str = "") -> Locator:
    """A new letter without a signature, the cursor in its text."""
    write(page)
    box = box_of(page)
    box.press("Control+a")
    box.press("Delete")
    page.keyboard.type(text)
    return box


def html_in(box: Locator) -> str:
    html = str(box.evaluate("box => box.innerHTML.replaceAll('\\u200b', '').replace(/&nbsp;/g, ' ')"))
    return re.sub(r' class="dyed-[0-9a-f]{6}"', "", html)  # the editor's own


def tool(page: Page, name: str) -> Locator:
    return page.get_by_role("toolbar", name="Định dạng").get_by_role("button", name=name, exact=True)


def paste(box: Locator, *, html: str = "", text: str = "", picture: bytes = b"") -> None:
    box.evaluate(
        """(box, [html, text, picture]) => {
          const data = new DataTransfer();
          if (html) data.setData("text/html", html);
          if (text) data.setData("text/plain", text);
          if (picture) {
            const octets = Uint8Array.from(atob(picture), (each) => each.charCodeAt(0));
            data.items.add(new File([octets], "image.png", { type: "image/png" }));
          }
          box.focus();
          box.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
        }""",
        [html, text, base64.b64encode(picture).decode()],
    )


def test_tools_and_keys(sign_in: Callable[..., Page], hall: TownHall) -> None:
    page = sign_in()
    box = begin(page, "Kính gửi ")
    page.keyboard.press("Control+b")
    page.keyboard.type("quý cơ quan")
    expect(tool(page, "Đậm")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Control+b")
    expect(tool(page, "Đậm")).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("Enter")
    page.keyboard.press("Control+Shift+8")
    page.keyboard.type("một")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("hai")
    whole = "<p>Kính gửi <b>quý cơ quan</b></p><ul><li>một</li><ul><li>hai</li></ul></ul>"
    assert html_in(box).startswith(whole)
    for _ in range(40):
        page.keyboard.press("Control+z")
    assert "<b>" not in html_in(box)
    for _ in range(40):
        page.keyboard.press("Control+y")
    assert html_in(box).startswith(whole)


def test_the_toolbar_is_one_stop_and_arrows_walk_in_it(sign_in: Callable[..., Page]) -> None:
    page = sign_in()
    begin(page, "chữ")
    page.keyboard.press("Shift+Tab")
    focused = page.evaluate("document.activeElement.closest('[role=toolbar]')?.getAttribute('aria-label')")
    assert focused == "Định dạng"
    stops = page.locator("[data-format] [tabindex='0']")
    assert stops.count() == 1
    first = page.evaluate("document.activeElement.outerHTML")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.outerHTML") != first
    assert stops.count() == 1
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(tool(page, "Đậm")).to_be_focused()
    page.keyboard.press("Enter")
    expect(box_of(page)).to_be_focused()
    page.keyboard.type("đậm")
    expect(box_of(page).locator("b")).to_have_text("đậm")


def test_alignment_colour_headings_and_quotes(sign_in: Callable[..., Page]) -> None:
    page = sign_in()
    box = begin(page, "QUYẾT ĐỊNH")
    page.get_by_label("Căn lề").select_option("center")
    page.get_by_label("Kiểu chữ").select_option("h2")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.get_by_label("Màu chữ").select_option("#b3261e")
    page.keyboard.type("đỏ")
    page.get_by_label("Màu chữ").select_option("#0b5cad")
    page.keyboard.type("xanh")
    assert html_in(box).startswith(
        '<h2 align="center">QUYẾT ĐỊNH</h2><p><font color="#b3261e">đỏ</font><font color="#0b5cad">xanh</font>'
    )
    page.keyboard.press("Control+a")
    page.keyboard.press("Control+\\")
    assert "font" not in html_in(box)
    page.keyboard.press("Control+Shift+9")
    expect(box.locator('blockquote[type="cite"]')).to_contain_text("đỏ")


def test_enter_parts_a_quotation(sign_in: Callable[..., Page], hall: TownHall) -> None:
    page = sign_in()
    box = begin(page)
    quoted = box.locator(":scope > blockquote")

    def enter_at(words: str, offset: int) -> None:
        box.evaluate(
            """(box, [words, offset]) => {
              const texts = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
              while (texts.nextNode()) if (texts.currentNode.data === words) break;
              getSelection().collapse(texts.currentNode, offset);
            }""",
            [words, offset],
        )
        page.keyboard.press("Enter")

    paste(box, html="<blockquote><p>một</p><blockquote><p>hai ba</p></blockquote><p>bốn</p></blockquote>")
    enter_at("một", 3)
    page.keyboard.type("trả lời")
    expect(quoted).to_have_text(["một", "hai babốn"])
    expect(box.locator(":scope > p").filter(has_text="trả lời")).to_have_count(1)
    enter_at("hai ba", 4)  # in a quotation of a quotation
    page.keyboard.type("nữa")
    expect(quoted).to_have_text(["một", "hai ", "babốn"])
    expect(quoted.nth(1).locator("blockquote")).to_have_text("hai ")
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    expect(quoted).to_have_text(["một", "hai babốn"])
    enter_at("bốn", 3)  # at its end it goes on
    page.keyboard.type("năm")
    expect(quoted).to_have_text(["một", "hai babốnnăm"])
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.keyboard.type("xong")
    expect(quoted).to_have_text(["một", "hai babốnnăm"])


def test_lists_in_lists(sign_in: Callable[..., Page], hall: TownHall) -> None:
    page = sign_in()
    box = begin(page, "* một")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("hai")
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("ba.")
    saved(page)
    nested = re.compile(r"<ul><li>(<p>|<div>)?một(</p>|</div>)?<ul><li>(<p>|<div>)?hai.*</li></ul></li><li>.*ba\.")
    uid = page.locator('[name="draft"]').input_value()
    kept = html_of(hall.octets("an", int(uid), "Drafts"))
    assert nested.search(kept), kept
    page.goto(page.url.partition("/compose")[0] + f"/compose/{uid}")
    box.evaluate("box => getSelection().collapse(box.querySelectorAll('li')[1].firstChild, 0)")
    page.keyboard.press("Shift+Tab")
    assert re.sub(r"<br>|</?p>|</?div>", "", html_in(box)).startswith("<ul><li>một</li><li>hai</li><li>ba.</li></ul>")


def test_links_by_keyboard(sign_in: Callable[..., Page]) -> None:
    page = sign_in()
    box = begin(page, "ở đây")
    page.keyboard.press("Control+a")
    page.keyboard.press("Control+k")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Địa chỉ").fill("thanhpho.example/van-ban")
    page.keyboard.press("Enter")
    expect(box.locator("a")).to_have_attribute("href", "https://thanhpho.example/van-ban")
    page.keyboard.press("End")
    page.keyboard.type("!")
    expect(box.locator("a")).to_have_text("ở đây")
    expect(box).to_have_text(re.compile("ở đây\u200b?!"))
    box.evaluate("box => getSelection().collapse(box.querySelector('a').firstChild, 2)")
    page.keyboard.press("Control+k")
    expect(dialog.get_by_label("Địa chỉ")).to_have_value("https://thanhpho.example/van-ban")
    dialog.get_by_label("Địa chỉ").fill("javascript:alert(1)")
    page.keyboard.press("Enter")
    expect(box.locator("a")).to_have_attribute("href", "https://thanhpho.example/van-ban")
    page.keyboard.press("Control+k")
    dialog.get_by_role("button", name="Bỏ liên kết").click()
    expect(box.locator("a")).to_have_count(0)
    expect(box).to_contain_text("ở đây")


def test_a_table_by_keyboard(sign_in: Callable[..., Page], hall: TownHall) -> None:
    page = sign_in()
    box = begin(page, "Bảng:")
    tool(page, "Bảng").focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_label("Số hàng").fill("2")
    page.get_by_role("dialog").get_by_label("Số cột").fill("2")
    page.keyboard.press("Enter")
    expect(box).to_be_focused()
    page.keyboard.type("a")
    for text in "bcd":
        page.keyboard.press("Tab")
        page.keyboard.type(text)
    page.keyboard.press("Tab")  # beyond the last: a new row
    page.keyboard.type("e")
    expect(box.locator("tr")).to_have_count(3)
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")  # nothing more to erase: the cell stays
    expect(box.locator("td")).to_have_text(["a", "b", "c", "d", "", ""])
    page.get_by_role("button", name="Bỏ hàng").click()
    page.get_by_role("button", name="Thêm cột sau").click()
    expect(box.locator("td")).to_have_count(6)
    page.keyboard.press("Escape")
    page.keyboard.type("sau bảng")
    expect(box.locator("table + p")).to_have_text("sau bảng")
    box.evaluate(
        """box => { const cells = box.querySelectorAll("td");
                    getSelection().setBaseAndExtent(cells[0].firstChild, 0, cells[2].firstChild, 1); }"""
    )
    page.keyboard.press("Delete")
    expect(box.locator("td")).to_have_count(6)
    expect(box.locator("td").first).to_have_text("")
    page.get_by_role("button", name="Gửi", exact=True).click()
    expect(page.get_by_text("Đã gửi thư.")).to_be_visible()
    assert '<table border="1" cellpadding="6" cellspacing="0">' in html_of(hall.octets("binh", 1))


@pytest.fixture
def pasted_styles(expected_complaints: list[str]) -> None:
    # Of the pasted text, while it lies inert: the policy at work.
    expected_complaints += ["error: Applying inline style violates", "error: Executing inline event handler violates"]


def test_pasting_from_office_programs(sign_in: Callable[..., Page], pasted_styles: None) -> None:
    page = sign_in()
    box = begin(page)
    paste(box, html=WORD)
    expect(box.locator('p[align="center"] b')).to_contain_text("TỜ TRÌNH")
    expect(box.locator('font[color="#ff0000"]')).to_have_text("khẩn")
    expect(box.locator("ol > ol > li")).to_have_text("Màn hình")
    expect(box.locator("ol > li").first).to_contain_text("Máy tính")
    expect(box.locator('table[border="1"] td')).to_have_text(["Tên", "1.000"])
    expect(box.locator('td[bgcolor="#fff2cc"]')).to_have_text("Tên")
    expect(box.locator("img")).to_have_count(0)
    box = begin(page)
    paste(box, html=SHEETS)
    expect(box.locator("td b")).to_have_text("Quý")
    expect(box.locator('td[align="right"]')).to_have_text("12")
    box = begin(page)
    paste(box, html=DOCS)
    expect(box.locator("b")).to_have_text("Đậm")
    expect(box.locator('font[color="#1155cc"]')).to_have_text("Đậm")


def test_hostile_clipboards(sign_in: Callable[..., Page], expected_complaints: list[str]) -> None:
    """No script, no request; and what the editor keeps, the server keeps."""
    expected_complaints += ["error: "]  # of what lies inert; the canary would be seen below
    page = sign_in()
    ran: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: ran.append(message.text) if message.text.strip() == hostile.CANARY else None)
    page.on("request", lambda request: asked.append(request.url))
    box = begin(page)
    asked.clear()
    for payload in hostile.html_payloads():
        paste(box, html=f"<p>x</p>{payload}")
    expect(box).to_contain_text("x")
    page.wait_for_timeout(50)
    ours = page.url.partition("/compose")[0]
    own = (f"{ours}/compose", f"{ours}/people?q=binh%40thanhpho.example")  # keeping it; completing whom it goes to
    assert ran == []
    assert [each for each in asked if not each.startswith(own)] == []
    kept = str(box.evaluate("box => box.innerHTML"))
    assert elements_of(kept) == elements_of(clean_composed(kept, as_kept))
    assert {attribute for _tag, *attributes in elements_of(kept) for attribute, _value in attributes} <= {
        "align", "bgcolor", "border", "cellpadding", "cellspacing", "color", "colspan", "href", "rowspan", "start",
        "type",
    }  # fmt: skip


def elements_of(html: str) -> set[tuple[Any, ...]]:
    return {
        (tag, *sorted((name, value) for name, value in attributes.items() if (tag, name) != ("font", "class")))
        for tag, attributes in Auditor(html).tags
    }


def test_a_pasted_picture_goes_through_draft_and_sending(sign_in: Callable[..., Page], hall: TownHall) -> None:
    page = sign_in()
    box = begin(page, "Hình: ")
    paste(box, picture=PNG)
    picture = box.locator("img")
    expect(picture).to_have_js_property("naturalWidth", 1)
    expect(box.locator("img")).to_have_count(1)
    page.keyboard.type(" xong")
    page.get_by_role("button", name="Lưu nháp").click()
    saved(page)
    page.reload()
    expect(picture).to_have_js_property("naturalWidth", 1)
    expect(page.locator(".enclosures li")).to_have_count(0)
    picture.click()
    page.get_by_role("button", name="Lớn", exact=True).click()
    expect(picture).to_have_attribute("width", "1")
    page.get_by_role("button", name="Mô tả", exact=True).click()
    page.get_by_role("dialog").get_by_role("textbox").fill("Sơ đồ")
    page.keyboard.press("Enter")
    expect(picture).to_have_attribute("alt", "Sơ đồ")
    page.get_by_role("button", name="Bỏ hình").click()
    expect(picture).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(picture).to_have_js_property("naturalWidth", 1)
    page.get_by_role("button", name="Gửi", exact=True).click()
    expect(page.get_by_text("Đã gửi thư.")).to_be_visible()
    assert len(content_ids(hall.octets("binh", 1))) == 1
    reader = sign_in("binh")
    reader.locator(".row-link").click()
    expect(reader.frame_locator("iframe.body").locator("img")).to_have_js_property("naturalWidth", 1)


def test_pictures_inside_pasted_text_come_along(sign_in: Callable[..., Page], pasted_styles: None) -> None:
    page = sign_in()
    box = begin(page)
    data = base64.b64encode(PNG).decode()
    paste(box, html=f'<p>trước <img src="data:image/png;base64,{data}" style="width:120px"> sau</p>', text="trước sau")
    expect(box.locator("img")).to_have_attribute("src", re.compile("^/compose/picture/"))
    expect(box.locator("img")).to_have_attribute("width", "120")
    expect(box).to_contain_text("trước")


def test_files_that_are_no_pictures_are_attached(sign_in: Callable[..., Page]) -> None:
    page = sign_in()
    box = begin(page)
    svg: Any = {"name": "a.svg", "mimeType": "image/svg+xml", "buffer": b"<svg xmlns='http://www.w3.org/2000/svg'/>"}
    page.locator("[data-pictures]").set_input_files(svg)
    expect(page.locator(".enclosures li")).to_have_count(1)
    expect(box.locator("img")).to_have_count(0)


def test_a_picture_that_is_too_large_is_refused_in_words(sign_in: Callable[..., Page]) -> None:
    page = sign_in()
    begin(page)
    large: Any = {"name": "a.gif", "mimeType": "image/gif", "buffer": GIF + bytes(400_000)}
    page.locator("[data-pictures]").set_input_files(large)
    expect(page.locator("#toasts")).to_contain_text("quá lớn")


def test_vietnamese_is_typed_undisturbed(sign_in: Callable[..., Page]) -> None:
    page = sign_in()
    box = begin(page)
    session = page.context.new_cdp_session(page)

    def compose(*steps: str) -> None:
        """As ibus and macOS do: a preedit text that grows, then stands."""
        for step in steps:
            session.send(
                "Input.imeSetComposition", {"text": step, "selectionStart": len(step), "selectionEnd": len(step)}
            )
        session.send("Input.insertText", {"text": steps[-1]})

    page.keyboard.press("Control+b")
    compose("t", "ti", "tie", "tiê", "tiên", "tiêng", "tiếng")
    page.keyboard.type(" ")
    compose("V", "Vi", "Vie", "Viê", "Viêt", "Việt")
    page.keyboard.press("Control+b")
    expect(box.locator("b")).to_have_text("tiếng Việt")
    page.keyboard.press("Enter")

    def unikey(*steps: tuple[int, str]) -> None:
        """As Unikey does on Windows: so many characters back, others in their place."""
        for back, text in steps:
            for _ in range(back):
                page.keyboard.press("Backspace")
            session.send("Input.insertText", {"text": text})

    unikey((0, "d"), (1, "đ"), (0, "u"), (0, "o"), (2, "ươ"), (0, "n"), (0, "g"), (3, "ờng"))
    page.keyboard.type(" ")
    unikey((0, "p"), (0, "h"), (0, "o"), (1, "ố"))
    assert html_in(box).startswith("<p><b>tiếng Việt</b></p><p>đường phố")


@pytest.mark.parametrize(
    "settings",
    [{"color_scheme": "light"}, {"color_scheme": "dark", "width": 390, "height": 844}],
    ids=["light and wide", "dark and narrow"],
)
def test_everybody_can_use_it(sign_in: Callable[..., Page], hall: TownHall, settings: dict[str, Any]) -> None:
    page = sign_in(**settings)
    box = begin(page, "Bảng ")
    colours = page.get_by_label("Màu chữ")
    for value in colours.locator("option").evaluate_all("options => options.map((each) => each.value)"):
        colours.select_option(value)
        page.keyboard.type("màu ")
    paste(box, picture=PNG)
    expect(box.locator("img")).to_have_js_property("naturalWidth", 1)
    tool(page, "Bảng").click()
    page.keyboard.press("Enter")
    page.keyboard.type("ô")
    expect(page.get_by_role("group", name="Bảng")).to_be_visible()
    screens = {"table": faults(page)}
    page.keyboard.press("Alt+F10")
    expect(page.get_by_role("button", name="Thêm hàng trên")).to_be_focused()
    box.locator("img").click()
    expect(page.get_by_role("group", name="Hình")).to_be_visible()
    screens["picture"] = faults(page)
    page.get_by_role("button", name="Mô tả", exact=True).click()
    screens["dialog"] = faults(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Lưu nháp").click()
    saved(page)
    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_role("textbox", name="Tiêu đề").fill("Từ nơi khác")
    other.get_by_role("button", name="Lưu nháp").click()
    saved(other)
    other.close()
    page.get_by_role("textbox", name="Tiêu đề").fill("Từ đây")
    page.get_by_role("button", name="Lưu nháp").click()
    compare = page.get_by_role("button", name="So sánh hai bản")
    expect(compare).to_be_visible()
    screens["conflict"] = faults(page)
    compare.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Hai bản của một thư nháp")
    expect(page.locator("mark")).to_contain_text(["đây", "nơi khác"])
    screens["versions"] = faults(page)
    page.get_by_role("button", name="Lấy bản tôi viết ở đây").press("Enter")
    expect(page.get_by_role("textbox", name="Tiêu đề")).to_have_value("Từ đây")
    assert [subject for _, _, subject in hall.rows("an", "Drafts")] == ["Từ đây"]
    assert {name: found for name, found in screens.items() if found} == {}
