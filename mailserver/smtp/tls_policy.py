"""What TLS a connection to another server must have, as a value.

It is decided in one place, ``delivery.tls_policy``; the client obeys it, and whoever owns the socket checks the
certificate by it.

Standards: RFC 7435 (opportunistic), RFC 3207, RFC 8314 §3.3 (implicit TLS), RFC 7672 (DANE), RFC 8461 (MTA-STS).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from security.dns import Tlsa


class Encryption(Enum):
    NEVER = "never"
    OPPORTUNISTIC = "opportunistic"  # encrypted if the server can, whoever it may be
    REQUIRED = "required"


class Basis(Enum):
    """Whose wish it is, as RFC 8460 §4.2 names it."""

    NONE = "no-policy-found"
    STS = "sts"
    DANE = "tlsa"


@dataclass(frozen=True, slots=True)
class TlsPolicy:
    """``is_implicit``: TLS from the first octet; ``verifies``: the certificate must be for the host, and from an
    authority that this machine trusts; ``records``: it must match one of these, and where they ask for a name, one of
    ``names`` (``security.dane``).
    """

    encryption: Encryption = Encryption.OPPORTUNISTIC
    is_implicit: bool = False
    verifies: bool = False
    records: tuple[Tlsa, ...] = ()
    names: tuple[str, ...] = ()
    basis: Basis = Basis.NONE

    @property
    def may_go_without(self) -> bool:
        """Whether a failed handshake is followed by a try in clear (RFC 7435 §3)."""
        return self.encryption is Encryption.OPPORTUNISTIC


OPPORTUNISTIC = TlsPolicy()
IN_CLEAR = TlsPolicy(Encryption.NEVER)
REQUIRED = TlsPolicy(Encryption.REQUIRED)
VERIFIED = TlsPolicy(Encryption.REQUIRED, verifies=True)


class Demand(Enum):
    """What a message's sender says of TLS (RFC 8689)."""

    USUAL = "usual"
    REQUIRED = "required"  # §4.2.1: verified TLS to a server that requires it too, or the message is returned
    OPTIONAL = "optional"  # §4.2.2: as the domain's policy says, but rather without than not at all
