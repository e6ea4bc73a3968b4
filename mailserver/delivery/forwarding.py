"""Mail that an alias leads elsewhere: to which domains it may go, under whose name, and how bounces find back.

A stranger's message that is sent on gets a reverse-path of ours (``security.srs``), for his domain's SPF does not name
our servers.  A bounce to such an address goes to the sender that is in it; nothing else is taken for it.

Standards: RFC 5321 §3.9.1 (aliases); RFC 7208 Appendix D (what forwarding does to SPF).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from directory.mail.addresses import is_local_domain
from mailserver.address import AddressFault, domain_to_ascii, parse_address, quote_local_part
from mailserver.delivery.post_office import PostOffice
from mailserver.refusals import NoSuchRecipient, NotPermitted
from security import srs

if TYPE_CHECKING:
    from mailserver.delivery.inbound import Addressee


def sender_for(office: PostOffice, reverse_path: str) -> str:
    """The reverse-path under which a message is sent on: our own people's as it is, a stranger's rewritten."""
    if not reverse_path or not office.srs_secret or not office.config.relay.rewrite_senders:
        return reverse_path
    with office.directory.read() as people:
        if is_local_domain(people, reverse_path.rpartition("@")[2]):
            return reverse_path
    # In A-labels, for servers without SMTPUTF8 are to take it; quoted where it must be, for the stranger's own quotes
    # are in the middle of it now.
    rewritten = srs.rewrite(reverse_path, _ascii(office.config.city.domain), office.srs_secret, office.now())
    local, _, domain = rewritten.rpartition("@")
    return f"{quote_local_part(local)}@{domain}"


def original_sender(office: PostOffice, forward_path: str) -> str | None:
    """Who is behind an address that ``sender_for`` has made; None for any other.

    Raises NoSuchRecipient for one that is forged or too old.
    """
    try:
        address = parse_address(forward_path)
    except AddressFault:
        address = None
    if not office.srs_secret or address is None or not srs.is_rewritten(address.local):
        return None
    if address.domain != _ascii(office.config.city.domain):
        return None
    try:
        return srs.restore(address.local, office.srs_secret, office.now())
    except srs.NotOurs as fault:
        raise NoSuchRecipient(reason=f"<{forward_path}>: {fault}") from None


def only_permitted(office: PostOffice, addressee: Addressee) -> Addressee:
    """Without addresses elsewhere to which nothing may be forwarded.  Raises NotPermitted if nobody is left.

    A group's members are chosen by whoever keeps it, and are not looked at.
    """
    allowed = office.config.relay.forward_domains
    external = addressee.recipients.external
    if not allowed or addressee.is_group or not external:
        return addressee
    names = {_ascii(name) for name in allowed}
    permitted = frozenset(address for address in external if _ascii(address.rpartition("@")[2]) in names)
    if not permitted and not addressee.recipients.accounts and not addressee.recipients.held:
        raise NotPermitted(
            "Mail to this address may not be forwarded", reason=f"<{addressee.address}> leads to {sorted(external)}"
        )
    return replace(addressee, recipients=replace(addressee.recipients, external=permitted))


def _ascii(domain: str) -> str:
    try:
        return domain_to_ascii(domain).lower()
    except AddressFault:
        return domain.lower()
