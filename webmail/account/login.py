"""Signing in and out.  Who is signed in is decided by the directory's session, request by request.

Standards: OWASP Session Management (a new token at each login, the old cookie's content dropped).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

from flask import Blueprint, Flask, Response, flash, g, make_response, render_template, request, session
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user

from directory.database import Reading
from directory.mail import accounts
from directory.mail.accounts import Account
from directory.mail.custody import entrusted_to
from directory.mail.recipients import mailboxes_of
from directory.signing_in import second_factor, security_keys, sessions
from directory.signing_in.admission import password_stamp
from directory.signing_in.login import LoginRefused
from directory.signing_in.sessions import Session
from mailserver import access
from mailserver.store import Store
from mailserver.store.unscanned import of_account
from security.webauthn import Site
from webmail.languages import _
from webmail.pages import Answer, see_other
from webmail.services import WebmailServices, services

blueprint = Blueprint("login", __name__)

# Seconds to wait before the answer is given out.  Read and removed by ``mailserver.servers.web``, which waits without
# holding a thread, so that a slowed guesser costs nothing.
ANSWER_AFTER = "X-Answer-After"
OPEN = frozenset(
    {
        *(
            "assets.show",
            "login.show",
            "login.sign_in",
            "login.check_code",
            "login.ask_key",
            "settings.switch_language",
        ),
        "links.download",
        "links.unlock",
        *("mta_sts.show", "pki.show", "pki.answer_get", "pki.answer_post"),
    }
)
UNTIL_CHANGED = frozenset({"settings.show", "settings.change_password", "login.sign_out", "login.status"})
ACTING = "acting"  # id of the unit's mailbox that is open instead of one's own
MUST_CHANGE = "must_change_password"  # set at sign-in with a password that somebody else chose
HALF = "password_proven"  # whose password was right, before his code was
HALF_SECONDS = 300
RESUMED_FIELDS = (
    "draft", "to", "cc", "bcc", "subject", "text", "html", "in_reply_to", "references", "author", "answers", "mode",
    "choices", "sign", "encrypt", "secret", "window",
)  # fmt: skip


class SignedIn(UserMixin):  # type: ignore[misc]
    """Who is signed in, and whose mail the request is about: the person's own, or that of a unit's mailbox."""

    def __init__(
        self, person: Account, token: str, session: Session | None = None, account: Account | None = None
    ) -> None:
        self.person = person
        self.account = account or person
        self.token = token
        self.session = session

    def get_id(self) -> str:
        return self.token


def init_app(app: Flask) -> None:
    manager = LoginManager(app)
    manager.session_protection = None  # addresses of phones change; the session is checked in the directory
    manager.user_loader(load)
    manager.unauthorized_handler(ask_to_sign_in)
    app.before_request(require_sign_in)
    app.before_request(look_into_mail)
    app.teardown_request(look_no_more)
    app.jinja_env.globals.update(has_security_keys=has_security_keys)


def look_into_mail() -> None:
    """Whatever this request reads of the account's mail was scanned, also what came by the hundred a moment ago."""
    if current_user.is_authenticated:
        services().store.need_scanned(of_account(account().id))


def look_no_more(_: BaseException | None) -> None:
    services().store.need_scanned(None)


def account() -> Account:
    """The account this request acts for."""
    return current_user.account  # type: ignore[no-any-return]


def person() -> Account:
    """The person who is signed in."""
    return current_user.person  # type: ignore[no-any-return]


def may_send() -> bool:
    """Whether the person may send for the account: always for one's own, with the right for a unit's."""
    if account().id == person().id:
        return True
    with services().directory.read() as conn:
        return account().id in mailboxes_of(conn, person().id, "send")


def load(token: str) -> SignedIn | None:
    directory = services().directory
    with directory.read() as conn:
        found = find_session(services(), conn, token)
        owner = accounts.find_account(conn, found.account_id) if found is not None else None
        if found is None or owner is None or owner.status != "active":
            return None
        acting = acting_for(services().store, conn, owner, session.get(ACTING))
    if sessions.needs_touch(found, int(services().clock())):
        with directory.write() as writing:
            sessions.touch(writing, found)
    return SignedIn(owner, token, found, acting)


def acting_for(store: Store, conn: Reading, owner: Account, wanted: object) -> Account | None:
    """The unit's mailbox that was chosen, as long as the person may read it, and do in it what its owner may; or the
    closed one that he has custody of (``webmail.account.custody``).
    """
    if not isinstance(wanted, str):
        return None
    if wanted in entrusted_to(conn, owner.id):
        return accounts.find_account(conn, wanted)
    if wanted not in mailboxes_of(conn, owner.id, "read"):
        return None
    with store.read() as connection:
        if access.is_narrowed(conn, connection, owner.id, wanted):
            return None
    found = accounts.find_account(conn, wanted)
    return found if found is not None and found.status == "active" else None


def find_session(given: WebmailServices, conn: Reading, token: str) -> Session | None:
    rules = given.config.webmail
    return sessions.find(conn, token, idle=rules.session_idle_minutes * 60, absolute=rules.session_hours * 3600)


def require_sign_in() -> Any:
    """Every page but these needs a session; a page that forgot to ask for one is not a hole."""
    if request.endpoint in OPEN:
        return None
    if not current_user.is_authenticated:
        return ask_to_sign_in()
    if session.get(MUST_CHANGE) and request.endpoint not in UNTIL_CHANGED:
        return see_other("/settings")
    return None


def ask_to_sign_in() -> Answer:
    if request.headers.get("X-Fragments") is not None or request.accept_mimetypes.best == "application/json":
        return make_response({"error": _("Your session has ended. Please sign in again.")}, 401)
    if request.method in ("GET", "HEAD"):
        if request.headers.get("Sec-Fetch-Site") == "cross-site":
            # The Strict cookie does not come along from another site's link; it does from our own page.
            return make_response(render_template("bounce.html"))
        wanted = request.full_path.removesuffix("?")
        return see_other("/login" if wanted == "/" else "/login?next=" + quote(wanted, safe="/"))
    # A form was sent after the session ended: keep what was written in it.
    kept = {name: request.form[name] for name in RESUMED_FIELDS if request.form.get(name)}
    return make_response(
        render_template("login.html", next="", kept=kept if request.endpoint == "composing.submit" else {}, ended=True),
        401,
    )


@blueprint.get("/login")
def show() -> Answer:
    if current_user.is_authenticated:
        return see_other(local_path(request.args.get("next", "")))
    return make_response(render_template("login.html", next=local_path(request.args.get("next", "")), kept={}))


@blueprint.post("/login")
def sign_in() -> Answer:
    login, password = request.form.get("login", "").strip(), request.form.get("password", "")
    wanted = local_path(request.form.get("next", ""))
    kept = _kept_fields()
    client = request.remote_addr or ""
    pause = services().gate.pause(login, client)
    try:
        found = services().gate.authenticate(login[:300], password[:1000], client, "webmail")
    except LoginRefused as refused:
        page = render_template("login.html", next=wanted, kept=kept, fault=_why(refused), login=login[:300])
        response = make_response(page, 429 if refused.reason == "throttled" else 401)
        response.headers[ANSWER_AFTER] = f"{pause + refused.delay:.3f}"
        return response
    with services().directory.read() as conn:
        asks_code = second_factor.is_on(conn, found.id)
        credentials = accounts.credentials_of(conn, found.id)
    if asks_code and credentials is not None:
        session.clear()
        g.pop("csrf_token", None)
        session[HALF] = [found.id, password_stamp(credentials.password_hash), int(services().clock())]
        response = _ask_code(wanted, kept)
    else:
        response = _let_in(found, wanted, kept, password)
    if pause > 0:
        response.headers[ANSWER_AFTER] = f"{pause:.3f}"
    return response


@blueprint.post("/login/code")
def check_code() -> Answer:
    """The second step: within minutes of the first, in the same browser."""
    owner = _half_way()
    wanted, kept = local_path(request.form.get("next", "")), _kept_fields()
    if owner is None:
        session.pop(HALF, None)
        fault = _("That took too long. Please sign in again.")
        return make_response(render_template("login.html", next=wanted, kept=kept, fault=fault), 401)
    client = request.remote_addr or ""
    pause = services().gate.pause(owner.login, client)
    try:
        services().gate.judge_code(owner, request.form.get("code", ""), client, here())
    except LoginRefused as refused:
        fault = _("The code is not right.") if refused.reason != "throttled" else _why(refused)
        response = _ask_code(wanted, kept, fault, 429 if refused.reason == "throttled" else 401)
        response.headers[ANSWER_AFTER] = f"{pause + refused.delay:.3f}"
        return response
    return _let_in(owner, wanted, kept)


@blueprint.post("/login/key")
def ask_key() -> Answer:
    """What the browser is to ask a security key, in the second step."""
    owner = _half_way()
    if owner is None:
        return make_response({"error": _("That took too long. Please sign in again.")}, 401)
    with services().directory.write(origin=request.remote_addr or "") as conn:
        return make_response({"publicKey": security_keys.ask_for_proof(conn, owner.id, here())})


def has_security_keys() -> bool:
    """Whoever is in, or half way in."""
    owner = person() if current_user.is_authenticated else _half_way()
    with services().directory.read() as conn:
        return owner is not None and bool(security_keys.keys_of(conn, owner.id))


def here() -> Site:
    """The site as this browser knows it; a security key answers for no other."""
    host = urlsplit(request.host_url).hostname or ""
    return Site(host, request.host_url.rstrip("/"), services().config.city.name)


def _half_way() -> Account | None:
    """Whose password was right a moment ago, and is still his."""
    half = session.get(HALF)
    if not isinstance(half, list) or len(half) != 3 or services().clock() - half[2] > HALF_SECONDS:
        return None
    with services().directory.read() as conn:
        found = accounts.credentials_of(conn, half[0])
    if found is None or found.account.status != "active" or password_stamp(found.password_hash) != half[1]:
        return None
    return found.account


def _ask_code(wanted: str, kept: dict[str, str], fault: str = "", status: int = 200) -> Answer:
    return make_response(render_template("login_code.html", next=wanted, kept=kept, fault=fault), status)


def _let_in(found: Account, wanted: str, kept: dict[str, str], password: str = "") -> Answer:
    """A session begins.  The password opens keys that nothing else does; without it, a page asks for it when one is
    needed (``webmail.smime.unlocking``).
    """
    with services().directory.write() as conn:
        agent, client = request.headers.get("User-Agent", ""), request.remote_addr or ""
        token = sessions.start(conn, found.id, user_agent=agent, ip=client)
    services().store.maildrop(found.id)
    session.clear()
    g.pop("csrf_token", None)
    login_user(SignedIn(found, token))
    if password and (keys := services().keys) is not None:
        keys.open(token, password[:1000])
    with services().directory.read() as conn:
        credentials = accounts.credentials_of(conn, found.id)
    if credentials is not None and credentials.must_change_password:
        session[MUST_CHANGE] = True
        response = see_other("/settings")
    elif kept:
        from webmail.writing.composing import show_kept  # composing needs the account of this module

        response = show_kept(kept)
    else:
        response = see_other(wanted)
    return response


def _kept_fields() -> dict[str, str]:
    """What was written when the session ended, carried through the signing in."""
    return {name: request.form[f"kept_{name}"] for name in RESUMED_FIELDS if request.form.get(f"kept_{name}")}


def _why(refused: LoginRefused) -> str:
    if refused.reason == "throttled":
        return _("Too many wrong passwords. Please try again later.")
    if refused.reason == "locked":
        return _("This account is locked. Please ask your administrator.")
    return _("The address or the password is not right.")


@blueprint.post("/logout")
def sign_out() -> Answer:
    if (keys := services().keys) is not None:
        keys.close(current_user.token)
    with services().directory.write() as conn:
        sessions.end(conn, current_user.token)
    logout_user()
    session.clear()
    flash(_("You are signed out."), "info")
    response = see_other("/login")
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@blueprint.post("/open")
def open_mailbox() -> Answer:
    """Turn to a unit's mailbox, or one in one's custody, or back to one's own."""
    wanted = request.form.get("account", "")
    with services().directory.read() as conn:
        chosen = acting_for(services().store, conn, person(), wanted)
    if chosen is not None:
        session[ACTING] = chosen.id
        if chosen.status == "active":
            services().store.maildrop(chosen.id)
    else:
        session.pop(ACTING, None)
    return see_other("/")


@blueprint.get("/session")
def status() -> Response:
    """For the script of a page whose session ended and came back: the new CSRF token."""
    from flask_wtf.csrf import generate_csrf

    return make_response({"csrf": generate_csrf(), "address": person().login})


def local_path(wanted: str) -> str:
    """A path on this server, never another site's address (open redirect)."""
    parts = urlsplit(wanted)
    if (
        not wanted.startswith("/")
        or wanted.startswith(("//", "/\\", "/login", "/logout"))
        or parts.scheme
        or parts.netloc
        or "\\" in wanted
        or not wanted.isprintable()
    ):
        return "/"
    return wanted
