"""What is said of a signature and an encryption: a line, a reason, and what to do, in words for everybody.

Every verdict and every reason of ``security.cms`` has its words here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from security.cms import Reason, Remark, Signature, Verdict
from security.keys.wire import Refusal
from webmail.languages import _
from webmail.smime.certificates import facts_of
from webmail.smime.contents import Contents
from webmail.smime.refusals import refusal_text

Tone = Literal["good", "caution", "bad"]


@dataclass(frozen=True, slots=True)
class Saying:
    """One line below the sender.  ``word`` names the state for programs; ``advice`` may be empty."""

    word: str
    tone: Tone
    title: str
    reason: str
    advice: str = ""
    opens: bool = False  # a password would open it
    signer: str = ""  # whom the certificate names

    @property
    def icon(self) -> str:
        if self.word in _ENCRYPTED:
            return "locked"
        return {"good": "sealed", "caution": "warning", "bad": "broken-seal"}[self.tone]


_ENCRYPTED = ("encrypted", "encrypted-unproven", "locked", "not-opened")


def sayings(contents: Contents) -> list[Saying]:
    """What a reader is told above a message, encryption first."""
    found = [_of_encryption(contents), _of_signature(contents)]
    return [each for each in found if each is not None]


# --- signatures -------------------------------------------------------------------------------------------------------


def _of_signature(contents: Contents) -> Saying | None:
    opened = contents.opened
    if opened is None or opened.is_locked or opened.telling is None:
        return None
    return of_signature(opened.telling)


def of_signature(signature: Signature) -> Saying:
    verdict = signature.verdict
    title, tone, advice = {
        Verdict.VALID: (_("Signed, and the signature is valid"), "good", ""),
        Verdict.VALID_THEN: (_("Signed, and the signature was valid when the message came"), "good", ""),
        Verdict.PARTLY_SIGNED: (
            _("Only a part of this message is signed"),
            "caution",
            _("Believe only what stands in the signed part."),
        ),
        Verdict.UNKNOWN_CA: (
            _("Signed, but nobody whom the city trusts vouches for the certificate"),
            "caution",
            _("If it matters, ask the sender by telephone."),
        ),
        Verdict.ADDRESS_MISMATCH: (
            _("Signed by somebody else than the sender who is shown"),
            "bad",
            _("Do not act on it before you have asked the sender by telephone."),
        ),
        Verdict.REVOKED: (
            _("Signed with a certificate that had been revoked"),
            "bad",
            _("Do not act on it before you have asked the sender by telephone."),
        ),
        Verdict.UNSUPPORTED: (
            _("The signature cannot be checked"),
            "caution",
            _("Take the message as one without a signature."),
        ),
        Verdict.ALTERED: (
            _("The message is not as it was signed"),
            "bad",
            _("Do not act on it. Ask the sender to send it again; mailing lists that add words do this, too."),
        ),
    }[verdict]
    if signature.reason is Reason.OUTSIDE_ENCRYPTION:
        title = _("What is signed is only the encrypted form")
        advice = _("Whoever signed it need not have written or read it.")
    if signature.reason is Reason.REVOKED_SINCE:
        tone, advice = "caution", _("Ask the sender whether it is from before that.")
    facts = facts_of(signature.certificate) if signature.certificate is not None else None
    return Saying(
        verdict.value,
        tone,  # type: ignore[arg-type]
        title,
        reason_text(signature.reason),
        advice,
        signer=facts.signer if facts is not None else "",
    )


def reason_text(reason: Reason | None) -> str:
    """In one sentence; of a valid signature that needs none, what it means."""
    if reason is None:
        return _("The sender signed exactly what is shown.")
    return _reasons().get(reason, _("The signature does not have the form that it should have."))


def _reasons() -> dict[Reason, str]:
    return {
        Reason.EXPIRED_SINCE: _("The certificate has expired since."),
        Reason.REVOKED_SINCE: _("The certificate has been revoked since."),
        Reason.OTHER_PARTS: _("There is more in the message than what was signed, as when a mailing list adds words."),
        Reason.OUTSIDE_ENCRYPTION: _("The signature stands outside the encryption."),
        Reason.UNKNOWN_AUTHORITY: _("The certificate comes from an authority that is not known here."),
        Reason.BROKEN: _("The certificate's authority was not allowed to issue it so."),
        Reason.WRONG_PURPOSE: _("The certificate is not meant for signing mail."),
        Reason.EXPIRED: _("The certificate had expired when the message came."),
        Reason.NOT_YET_VALID: _("The certificate was not valid yet when the message came."),
        Reason.REVOCATION_UNKNOWN: _("It is not known whether the certificate was revoked."),
        Reason.ADDRESS_MISMATCH: _("The certificate belongs to another address."),
        Reason.SENDER_ONLY: _("It was signed by who sent it on, not by the author."),
        Reason.NO_ADDRESS: _("The certificate names no mail address."),
        Reason.AUTHOR_UNCLEAR: _("The message does not name one clear author."),
        Reason.OUTER_AUTHOR_DIFFERS: _("The author who was signed is not the one who is shown."),
        Reason.REVOKED: _("The certificate was revoked before the message came."),
        Reason.UNSUPPORTED_ALGORITHM: _("It uses a method that is not known here."),
        Reason.WEAK_ALGORITHM: _("It uses a method that can be forged today."),
        Reason.WEAK: _("The certificate's key can be broken today."),
        Reason.UNREADABLE: _("The certificate cannot be read."),
        Reason.CERTIFICATE_MISSING: _("The signer's certificate is missing."),
        Reason.NO_SIGNER: _("It was signed by nobody."),
        Reason.CONTENT_MISSING: _("What was signed is missing."),
        Reason.UNSUPPORTED_CONTENT: _("What was signed is not mail."),
        Reason.AMBIGUOUS: _("It is written so that it could be read in two ways."),
        Reason.MALFORMED: _("The signature is damaged."),
        Reason.TOO_LARGE: _("It is too large, or has too many layers."),
        Reason.CONTENT_CHANGED: _("The text or an attachment was changed after it was signed."),
        Reason.SIGNATURE_WRONG: _("The signature does not fit the certificate."),
        Reason.ATTRIBUTES_WRONG: _("What was signed along with the text does not fit."),
        Reason.ATTRIBUTES_STRIPPED: _("A part of the signature was taken away."),
        Reason.CERTIFICATE_SUBSTITUTED: _("Another certificate was put in the place of the signer's."),
        Reason.CONTENT_TWICE: _("Two different contents claim the same signature."),
    }


def remark_text(remark: Remark) -> str:
    return {
        Remark.MICALG_DIFFERS: _("The message names another method than was used."),
        Remark.NO_SIGNING_TIME: _("The signer does not say when he signed."),
        Remark.SIGNING_TIME_FAR: _("It was signed at another time than the date of the message says."),
        Remark.ADDRESS_IN_NAME: _("Another address stands in the sender's name."),
    }[remark]


# --- encryption -------------------------------------------------------------------------------------------------------


def _of_encryption(contents: Contents) -> Saying | None:
    opened = contents.opened
    if opened is None:
        return None
    if opened.is_locked:
        reason = contents.refusal or getattr(opened.fault, "refusal", None)
        advice = refusal_text(reason) if reason is not None else ""
        fault = opened.fault.reason if opened.fault is not None else Reason.NOT_DECRYPTED
        told = _("There is no key to open it.") if reason is not None else fault_text(fault)
        opens = reason in (Refusal.LOCKED, Refusal.FORMER_PASSWORD)
        return Saying("locked", "caution", _("Encrypted, and not opened"), told, advice, opens)
    if opened.fault is not None and opened.fault.reason is Reason.NOT_ALONE:
        return Saying(
            "not-opened",
            "bad",
            _("An encrypted part stands among others, and is not opened"),
            fault_text(Reason.NOT_ALONE),
            _("Ask the sender to encrypt the whole message."),
        )
    if not opened.is_encrypted:
        return None
    if opened.is_authenticated:
        return Saying("encrypted", "good", _("Encrypted"), _("On its way nobody could read it."))
    return Saying(
        "encrypted-unproven",
        "caution",
        _("Encrypted, but somebody may have changed it on its way"),
        _("Neither the way it was encrypted nor a valid signature proves that it is as it was sent."),
    )


def fault_text(reason: Reason) -> str:
    """Why something encrypted stays closed."""
    return {
        Reason.NOT_A_RECIPIENT: _("It was not encrypted for this mailbox, or for a key that is no more."),
        Reason.NOT_ALONE: _("Who puts an encrypted part among his own could have its content sent to himself."),
        Reason.NOT_ONE_ENTITY: _("What came out shows that somebody put pieces into it on its way."),
        Reason.UNSUPPORTED_ALGORITHM: _("It is encrypted by a method that is not known here."),
        Reason.TOO_LARGE: _("It is too large, or has too many layers."),
        Reason.KEY_UNAVAILABLE: _("There is no key to open it."),
    }.get(reason, _("It is damaged, or was not encrypted for this mailbox."))
