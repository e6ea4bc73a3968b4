"""A furnished town hall and whoever sits before its screens."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import Browser, BrowserContext, Page, expect

from directory.mail import contacts
from directory.mail.contacts import Contact
from mailserver.store import messages
from tests.browser.conftest import PATIENCE, Witness
from tests.webmail.certified_hall import Authorities, signed
from tests.webmail.town_hall import PASSWORD, TownHall, letter

UNIT = "vanthu.snv"
WIDE = {"width": 1366, "height": 820}


@dataclass
class Desk:
    browser: Browser
    authorities: Authorities
    url: str
    scripted: bool = True
    witnesses: list[Witness] = field(default_factory=list)
    _pages: dict[str, Page] = field(default_factory=dict)

    @property
    def hall(self) -> TownHall:
        return self.authorities.hall

    def page(self, login: str = "an") -> Page:
        """Somebody's own; nobody's, for ""."""
        if login not in self._pages:
            context = self.browser.new_context(
                base_url=self.url,
                viewport=WIDE,
                locale="vi-VN",
                reduced_motion="reduce",
                java_script_enabled=self.scripted,
            )
            context.set_default_timeout(PATIENCE)
            self.witnesses.append(Witness(context, self.url))
            self._pages[login] = context.new_page()
            self._pages[login].on("dialog", lambda dialog: dialog.accept())
            if login:
                self.post(login, "/login", "/login", login=self.hall.address(login), password=PASSWORD)
        return self._pages[login]

    def at(self, path: str, login: str = "an") -> Page:
        page = self.page(login)
        page.goto(path)
        return page

    def post(self, who: str, form: str, path: str, **values: str) -> None:
        """What a form sends, beside the page."""
        context: BrowserContext = self.page(who).context
        token = re.search(r'name="csrf[-_]token" (?:content|value)="([^"]+)"', context.request.get(form).text())
        assert token is not None
        context.request.post(path, form={"csrf_token": token[1], **values}, max_redirects=0)

    def mailbox(self, name: str, login: str = "an") -> str:
        return f"/mail/{self.hall.mailbox(login, name).id}"

    def put(self, octets: bytes, name: str = "INBOX", login: str = "an") -> str:
        return f"{self.mailbox(name, login)}/{self.hall.put(login, octets, name)}"


@dataclass(frozen=True)
class Screen:
    endpoint: str  # of the view that renders it
    name: str
    show: Callable[[Desk], Page]


def plain(path: str, login: str = "an") -> Callable[[Desk], Page]:
    return lambda desk: desk.at(path, login)


_SEND = """([action, values]) => {
  const form = Object.assign(document.createElement("form"), { method: "post", action });
  const token = document.querySelector('meta[name="csrf-token"]').content;
  for (const [name, value] of Object.entries({ ...values, csrf_token: token }))
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  document.body.append(form);
  form.submit();
}"""


def told(form: str, path: str, login: str = "an", **values: str) -> Callable[[Desk], Page]:
    """The page that says what is wrong with a form that was sent."""

    def show(desk: Desk) -> Page:
        page = desk.at(form, login)
        page.evaluate(_SEND, [path, values])
        expect(page.get_by_role("alert")).to_be_visible()
        return page

    return show


def furnish(authorities: Authorities) -> None:
    hall = authorities.hall
    hall.put("an", letter(subject="Đã đọc", files=[("a.pdf", "application/pdf", b"x")]), flags=("\\Seen", "\\Flagged"))
    hall.put(
        "an",
        letter(
            "a@b.example <x@ngoai.example>", subject="Từ ngoài", cc=["c@d.example"], message_id="<ngoai@test.example>",
            html='<p>Chào</p><img src="http://x.test/a.png">',
        ),
        flags=("\\Answered",),
    )  # fmt: skip
    hall.put("an", letter(subject="Re: Từ ngoài", answers="<ngoai@test.example>"))
    hall.put("an", signed(letter(subject="Có ký"), authorities.certify("binh").signer))
    for name in ("Trash", "Junk", "Drafts"):
        hall.put("an", letter(subject=f"Thư trong {name}"), name)
    hall.make_mailbox("an", "Dự án/Con")
    lost = hall.put("an", letter(subject="Đã mất"), "Archive")
    archive = hall.mailbox("an", "Archive").id
    hall.services.store.write(lambda tx: messages.remove(tx, archive, [(lost, lost)])).result(30)
    hall.put(UNIT, letter("Công dân <dan@ngoai.example>", [f"{UNIT}@thanhpho.example"], "Đơn kiến nghị"))
    with hall.services.directory.write() as conn:
        me = hall.account("an").id
        contacts.keep_group(conn, me, "Nhà thầu", [Contact("a@ngoai.example", "Lý Mai", "Ghi chú")])


def furnish_settings(desk: Desk) -> None:
    """What people make for themselves."""
    desk.post("an", "/labels", "/labels", action="add", name="Ngân sách", colour="3")
    desk.post("an", "/settings", "/searches", action="keep", name="Dự toán", query="dự toán")
    desk.post("an", "/templates", "/templates", action="keep", name="Mời họp", subject="Mời họp", text="Kính gửi")


def opened(page: Page, menu: str) -> Page:
    page.locator(f"{menu} > summary").first.click()
    expect(page.locator(menu).first).to_have_attribute("open", "")
    return page
