"""Pictures that messages want from elsewhere: off, until the reader asks for them, or trusts a sender for good.

They are never loaded by the reader's browser from where they lie, but fetched by this server
(``mailserver.servers.pictures``), so that the sender learns neither who read when, nor from where.  The address of each
is signed for the account that was shown the message: nobody makes this server fetch what he likes.

A sender is trusted by his address, and only where it was proven or the message is the city's own: anybody can write
somebody else's address on a message.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, Flask, abort, flash, request
from itsdangerous import BadSignature, URLSafeSerializer

from directory.faults import Fault
from directory.mail import accounts
from directory.mail.picture_senders import distrust, senders_of, trust
from webmail import pages
from webmail.account.login import ACTING, account, acting_for, find_session, local_path, person
from webmail.cookies import TOKEN_KEY, read_cookies
from webmail.languages import _, sentence
from webmail.pages import Answer, see_other
from webmail.services import WebmailServices, services

blueprint = Blueprint("pictures", __name__)

PATH = "/picture/"


@dataclass(frozen=True, slots=True)
class Wanted:
    account_id: str
    url: str


def are_possible() -> bool:
    return services().config.webmail.remote_pictures


def address_of() -> Callable[[str], str]:
    """What turns a picture's URL into an address of ours, for the account that is reading."""
    signer, account_id = _signer(services()), account().id
    return lambda url: f"{PATH}{signer.dumps([account_id, url])}"


def wanted(app: Flask, given: WebmailServices, cookies: dict[str, str], token: str, *, secure: bool) -> Wanted | None:
    """What a request for a picture asks for; None if it was not we who wrote the address, or for another reader."""
    if not given.config.webmail.remote_pictures:
        return None
    try:
        account_id, url = _signer(given).loads(token)
    except (BadSignature, ValueError, TypeError):
        return None
    session = read_cookies(app, cookies, secure=secure)
    session_token = session.get(TOKEN_KEY)
    if not isinstance(session_token, str):
        return None
    with given.directory.read() as conn:
        found = find_session(given, conn, session_token)
        owner = accounts.find_account(conn, found.account_id) if found is not None else None
        if owner is None or owner.status != "active":
            return None
        acting = acting_for(given.store, conn, owner, session.get(ACTING))
    return Wanted(owner.id, url) if account_id in (owner.id, acting.id if acting else owner.id) else None


def _signer(given: WebmailServices) -> URLSafeSerializer:
    return URLSafeSerializer(given.secret_key, salt="picture")


def is_trusted(address: str) -> bool:
    """Whether the reader wants the pictures of whoever has this address, once it is proven to be his."""
    with services().directory.read() as conn:
        return address.lower() in senders_of(conn, person().id)


@blueprint.get(f"{PATH}<path:token>")
def not_here(token: str) -> Answer:
    """Served by the event loop in front of this application, for what is elsewhere takes its time."""
    abort(404)


@blueprint.post("/pictures")
def change() -> Answer:
    address = request.form.get("address", "")
    back = local_path(request.form.get("next", ""))
    trusts = request.form.get("action") == "trust"
    try:
        with services().directory.write(origin=request.remote_addr or "") as conn:
            (trust if trusts else distrust)(conn, person().id, address)
    except Fault as fault:
        return pages.refused(sentence(fault), back, 422)
    told = _("Pictures of %(address)s will be shown.") if trusts else _("Pictures of %(address)s will not be shown.")
    flash(told % {"address": address}, "success")
    return see_other(back)
