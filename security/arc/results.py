"""What became of an Authenticated Received Chain, as values.

Standards: RFC 8617 §4.4 (chain validation status), §6 (what is told of it).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ChainStatus = Literal["none", "pass", "fail"]


@dataclass(frozen=True, slots=True)
class ArcSet:
    """One custodian's statement.  Believe it only in a chain that passed, and of a sealer that is trusted."""

    instance: int
    domain: str  # d= of the ARC-Seal, A-labels, lower case
    selector: str
    results: str  # the authres-payload of ARC-Authentication-Results, unfolded


@dataclass(frozen=True, slots=True)
class ArcResult:
    """``highest`` is the greatest instance that was seen, also in a chain that failed: a sealer goes on from there.

    ``ended``: the newest seal itself says ``cv=fail``, so nobody seals any more (RFC 8617 §5.1 step 2).
    """

    status: ChainStatus
    sets: tuple[ArcSet, ...] = ()  # oldest first; empty unless the chain passed
    oldest_pass: int = 0  # RFC 8617 §5.2 step 5: 0 if the message is as the first custodian sent it
    highest: int = 0
    ended: bool = False
    reason: str = ""  # for people; ASCII, no quotes or line ends
