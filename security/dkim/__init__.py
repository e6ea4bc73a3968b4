"""DomainKeys Identified Mail: who vouches for a message (RFC 6376).

``verify(read_message(octets), now)`` asks the DNS and gives a ``DkimResult`` for each signature; ``sign`` puts our own
domain's name to a message.
"""

from security.dkim.message import Message, read_message
from security.dkim.results import DkimResult, DkimStatus
from security.dkim.signing import Signer, sign
from security.dkim.verifying import verify

__all__ = ["DkimResult", "DkimStatus", "Message", "Signer", "read_message", "sign", "verify"]
