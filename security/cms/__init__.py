"""S/MIME: sign, encrypt, and open what others signed and encrypted.

    opened = verify(octets, at=received, judge=judge)          # or open_message(…, keys=…) for what is encrypted
    opened.verdict, opened.reason                              # one word each; None: not signed
    opened.entity                                              # what is to be read, to the octet

    pieces = sign(message, Signing([signer], now, chain))      # whole messages in, whole messages out
    pieces = encrypt(message, recipients, at=now, judge=judge, signing=Signing(…))
    found = decrypt(octets, keys=[decrypter])                  # one encryption off, and nothing judged

Private keys stay where they are: ``Signer`` and ``Decrypter`` ask for them.  Which certificates are believed is the
``Judge``'s: ``security.paths.judge`` with the installation's anchors.  docs/smime.md tells what is done, and why.

Standards: RFC 8551, RFC 8550, RFC 5652, RFC 9788.
"""

from __future__ import annotations

from datetime import datetime

from security.cms.algorithms import SignatureScheme
from security.cms.attributes import write_capabilities
from security.cms.composing import RecipientsRefused, Refused, compress, encrypt, sign
from security.cms.enveloped import Decrypted, Recipient
from security.cms.keys import Decrypter, MemoryKey, Signer, usual_scheme
from security.cms.mime import Entity
from security.cms.opening import Compressed, Encrypted, Opened, decrypt, is_encrypted, open_message
from security.cms.protected import ProtectedHeader, without_legacy_display
from security.cms.reasons import CmsFault, Reason
from security.cms.signing import Signing
from security.cms.verdicts import Judge, Remark, Signature, SignedPart, Verdict

__all__ = [
    "CmsFault",
    "Compressed",
    "Decrypted",
    "Decrypter",
    "Encrypted",
    "Entity",
    "Judge",
    "MemoryKey",
    "Opened",
    "ProtectedHeader",
    "Reason",
    "Recipient",
    "RecipientsRefused",
    "Refused",
    "Remark",
    "Signature",
    "SignatureScheme",
    "SignedPart",
    "Signer",
    "Signing",
    "Verdict",
    "compress",
    "decrypt",
    "encrypt",
    "is_encrypted",
    "open_message",
    "sign",
    "usual_scheme",
    "verify",
    "without_legacy_display",
    "write_capabilities",
]


def verify(octets: bytes, *, at: datetime, judge: Judge, now: datetime | None = None) -> Opened:
    """A message whose signatures are asked about, without any key.

    ``at`` is when it was received, which counts; ``now`` is when it is read, if that is later.  Nothing is raised.
    """
    return open_message(octets, at=at, now=now or at, judge=judge)
