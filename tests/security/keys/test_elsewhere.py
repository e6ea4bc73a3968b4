"""A signature that is made elsewhere, in two steps."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from security import cms
from security.authority.issuing import make_root
from security.authority.key_kinds import make_key
from security.authority.names import subject
from security.keys.elsewhere import SignatureAwaited, SignerElsewhere

AT = datetime(2026, 3, 2, 8, tzinfo=UTC)
MESSAGE = b"From: a@city.gov.vn\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nNoi dung.\r\n"


@pytest.mark.parametrize("kind", ["rsa2048", "p256"])
def test_what_is_to_be_signed_goes_out_and_the_signature_comes_in(kind: str) -> None:
    key = make_key(kind)
    certificate = make_root(key, subject("Nguyễn Văn An"), serial=1, now=AT).public_bytes(Encoding.DER)
    with pytest.raises(SignatureAwaited) as awaited:
        b"".join(cms.sign(MESSAGE, cms.Signing([SignerElsewhere(certificate)], AT)))
    assert awaited.value.certificate == certificate
    token = cms.MemoryKey(key, certificate)  # what the person holds in his hand
    signature = token.sign(awaited.value.octets)
    signed = b"".join(cms.sign(MESSAGE, cms.Signing([SignerElsewhere(certificate, signature)], AT)))
    if kind == "rsa2048":
        # word for word what the token would have made by itself, but for the boundary
        alone = b"".join(cms.sign(MESSAGE, cms.Signing([token], AT)))
        assert len(alone) == len(signed)
    for other in (MESSAGE.replace(b"Noi", b"Cac"), b"X: y\r\n" + MESSAGE.replace(b"dung", b"dong")):
        with pytest.raises(cms.CmsFault) as refused:
            b"".join(cms.sign(other, cms.Signing([SignerElsewhere(certificate, signature)], AT)))
        assert refused.value.reason == "signature-wrong"
