"""Whether a certificate may be believed: for a purpose, for an address, at a moment.

``judge`` is given everything it needs as values (the certificate and its companions, the trust anchors, what is known
of revocations) and answers with a ``Judgement``: a state, a reason in one English line for the record, and the path
that was believed.  It asks nobody, reads no clock and never raises over what a certificate holds.

    judgement = judge(
        certificate,                      # DER
        companions=[...],                 # DER, in any order: what the message brought, what the directory knows
        purpose=Purpose.SIGNING,          # or Purpose.ENCRYPTION
        addresses=("an@tphcm.gov.vn",),   # one of them must be the certificate's; empty: not asked
        moment=received,                  # the day that counts: for old mail when it was received
        now=now,
        trust=Trust(anchors, evidence),
    )
    judgement.state is State.VALID

``security.authority`` issues certificates; ``directory.pki.certificates`` keeps them, the anchors and the evidence.

Standards: RFC 5280 §6 (with RFC 9618), RFC 6960, RFC 8550, RFC 9608, RFC 9598.
"""

from security.mailbox_names import addresses_of
from security.paths.judgement import Anchor, Evidence, Judgement, Purpose, State, Trust
from security.paths.judging import judge

__all__ = ["Anchor", "Evidence", "Judgement", "Purpose", "State", "Trust", "addresses_of", "judge"]
