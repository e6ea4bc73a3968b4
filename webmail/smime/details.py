"""All that is known of a message's signatures and encryption, on a page of its own; and certificates that are confirmed
there.

What a signed message proves of its author's key, its reader may take for his own mail: he confirms the certificate for
that author's address, once, and sees loudly when another one comes (``directory.pki.correspondents``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, abort, make_response, request

from directory.faults import Fault
from directory.mail.recipients import is_local_domain
from directory.pki import correspondents
from directory.pki.certificates import fingerprint
from directory.pki.correspondents import Correspondent
from directory.pki.trust import judge_certificate
from mailserver.store import reading as store_reading
from security.cms import Encrypted, Opened, Signature, SignedPart
from security.paths import Purpose
from webmail import languages, pages
from webmail.account.login import account
from webmail.contents.heads import Head, read_head
from webmail.languages import _
from webmail.pages import Answer
from webmail.reading import listing
from webmail.services import services
from webmail.smime.certificates import Facts, facts_of
from webmail.smime.contents import COLUMNS, Contents, contents_of
from webmail.smime.words import Saying, of_signature, remark_text, sayings

blueprint = Blueprint("protection", __name__)

LIST = "/settings/correspondents"


@dataclass(frozen=True, slots=True)
class Layer:
    """One signature, or one encryption (``cipher``), from the outside in."""

    saying: Saying | None = None
    facts: Facts | None = None
    cipher: str = ""
    signed_at: float | None = None
    algorithm: str = ""
    path: tuple[str, ...] = ()
    told: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """A certificate that mail to the author can be encrypted for, and the one that was confirmed before."""

    address: str
    facts: Facts
    der: bytes
    signature: Signature
    companions: tuple[bytes, ...]
    kept: Correspondent | None


@blueprint.get("/mail/<int:mailbox_id>/<int:uid>/protection")
def show(mailbox_id: int, uid: int) -> Answer:
    row, contents = _open(mailbox_id, uid)
    assert contents.opened is not None
    head = read_head(contents.header)
    with services().store.read() as conn:
        side = pages.sidebar(conn)
        current = listing.own_mailbox(conn, mailbox_id)
    return pages.render(
        "protection.html",
        _("Signature and encryption"),
        sidebar=side,
        current=current,
        path=f"/mail/{mailbox_id}/{uid}",
        head=head,
        sayings=sayings(contents),
        differences=contents.differences,
        layers=_layers(contents.opened),
        received=row.internal_date,
        offer=_offer(contents, head),
    )


@blueprint.get("/mail/<int:mailbox_id>/<int:uid>/certificate/<name>")
def certificate(mailbox_id: int, uid: int, name: str) -> Response:
    contents = _open(mailbox_id, uid)[1]
    assert contents.opened is not None
    brought = (signature.certificate for signature in _signatures(contents.opened))
    found = next((der for der in brought if der is not None and fingerprint(der) == name), None)
    if found is None:
        abort(404)
    response = make_response(found)
    response.headers["Content-Type"] = "application/pkix-cert"
    response.headers["Content-Disposition"] = f'attachment; filename="{name[:16]}.cer"'
    return response


@blueprint.post("/mail/<int:mailbox_id>/<int:uid>/correspondent")
def confirm(mailbox_id: int, uid: int) -> Answer:
    """The certificate is taken from the message again: the form only says which one was seen."""
    here = f"/mail/{mailbox_id}/{uid}/protection"
    contents = _open(mailbox_id, uid)[1]
    offer = _offer(contents, read_head(contents.header))
    if offer is None or offer.facts.fingerprint != request.form.get("fingerprint"):
        return pages.refused(_("This certificate cannot be used for encrypted mail."), here)
    try:
        with services().directory.write(origin=request.remote_addr or "") as conn:
            correspondents.confirm(
                conn,
                account().id,
                offer.address,
                offer.der,
                companions=offer.companions,
                capabilities=offer.signature.capabilities,
            )
    except Fault as fault:
        return pages.refused(fault.text(languages.choose()), here)
    return pages.done(_("Mail to %(address)s can be encrypted now.", address=offer.address), here)


@blueprint.get(LIST)
def show_correspondents() -> Answer:
    with services().store.read() as conn:
        side = pages.sidebar(conn)
    with services().directory.read() as people:
        known = [(each, facts_of(each.der)) for each in correspondents.correspondents_of(people, account().id)]
    return pages.render(
        "correspondents.html", _("Certificates of people outside"), sidebar=side, current=None, known=known
    )


@blueprint.post(LIST)
def forget() -> Answer:
    address = request.form.get("forget", "")
    with services().directory.write(origin=request.remote_addr or "") as conn:
        correspondents.forget(conn, account().id, address)
    return pages.done(_("The certificate of %(address)s was forgotten.", address=address), LIST)


def _open(mailbox_id: int, uid: int) -> tuple[Any, Contents]:
    with services().store.read() as conn:
        listing.own_mailbox(conn, mailbox_id)
        row = next(store_reading.fetch(conn, mailbox_id, [(uid, uid)], COLUMNS), None)
        contents = contents_of(conn, row) if row is not None else None
    if contents is None or contents.opened is None:
        abort(404)
    return row, contents


def _layers(opened: Opened) -> list[Layer]:
    found = []
    for each in (*opened.layers, *opened.partial):
        if isinstance(each, Encrypted):
            found.append(Layer(cipher=each.cipher.name))
        elif isinstance(each, SignedPart):
            found += [_layer(signature) for signature in each.signatures]
    return found


def _layer(signature: Signature) -> Layer:
    above = (facts_of(der) for der in signature.path[1:])
    return Layer(
        of_signature(signature),
        facts_of(signature.certificate) if signature.certificate is not None else None,
        signed_at=signature.signing_time.timestamp() if signature.signing_time is not None else None,
        algorithm=signature.algorithm,
        path=tuple(facts.name for facts in above if facts is not None),
        told=signature.told,
        remarks=tuple(remark_text(each) for each in sorted(signature.remarks)),
    )


def _signatures(opened: Opened) -> list[Signature]:
    parts = [each for each in (*opened.layers, *opened.partial) if isinstance(each, SignedPart)]
    return [signature for part in parts for signature in part.signatures]


def _offer(contents: Contents, head: Head) -> Offer | None:
    """Only what the author himself signed well, who is not one of ours: the directory knows those."""
    opened = contents.opened
    part = opened.author_signature if opened is not None else None
    if part is None or not part.telling.verdict.is_good:
        return None
    address, signature = head.author.address, part.telling
    with services().directory.read() as people:
        if not address or is_local_domain(people, address.rpartition("@")[2].lower()):
            return None
        for der in (signature.encryption_certificate, signature.certificate):
            facts = facts_of(der) if der is not None else None
            if der is None or facts is None:
                continue
            judged = judge_certificate(
                people, der, purpose=Purpose.ENCRYPTION, companions=part.certificates, addresses=(address,)
            )
            if judged.good:
                kept = correspondents.correspondent_at(people, account().id, address)
                return Offer(address, facts, der, signature, judged.path[1:-1], kept)
    return None
