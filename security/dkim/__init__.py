"""DomainKeys Identified Mail: who vouches for a message (RFC 6376).

``verify(read_message(octets), now)`` asks the DNS and gives a ``DkimResult`` for each signature.
"""

from security.dkim.message import Message, read_message
from security.dkim.results import DkimResult, DkimStatus
from security.dkim.verifying import verify

__all__ = ["DkimResult", "DkimStatus", "Message", "read_message", "verify"]
