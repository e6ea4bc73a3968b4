"""The Authenticated Received Chain: who held a message before us, and what each found (RFC 8617).

``validate(message)`` asks the DNS and gives an ``ArcResult``; ``seal`` adds our own link for those who get it next.
"""

from security.arc.results import ArcResult, ArcSet, ChainStatus
from security.arc.sealing import seal
from security.arc.validating import validate

__all__ = ["ArcResult", "ArcSet", "ChainStatus", "seal", "validate"]
