"""Certificates and CRLs whose octets stay as they came, for signatures are over octets and not over what they mean.

asn1crypto takes every structure whose length ends in the octet 0x80 for one of indefinite length, one in 256, and
encodes it anew.  That is another structure wherever the issuer did not write the DER that asn1crypto writes: a FALSE
spelled out, a bit string with unused bits.

Standards: RFC 5280 §4.1, §5.1.
"""

from __future__ import annotations

from asn1crypto import algos, core, crl, x509


class _AsItCame:
    _header: bytes
    _contents: bytes
    _trailer: bytes

    def dump(self, force: bool = False) -> bytes:
        return self._header + self._contents + self._trailer


class _TbsCertificate(_AsItCame, x509.TbsCertificate):  # type: ignore[misc]  # asn1crypto has no types
    pass


class Certificate(_AsItCame, x509.Certificate):  # type: ignore[misc]
    _fields = [  # noqa: RUF012  (asn1crypto's own way)
        ("tbs_certificate", _TbsCertificate),
        ("signature_algorithm", algos.SignedDigestAlgorithm),
        ("signature_value", core.OctetBitString),
    ]


class _TbsCertList(_AsItCame, crl.TbsCertList):  # type: ignore[misc]
    pass


class CertificateList(_AsItCame, crl.CertificateList):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("tbs_cert_list", _TbsCertList),
        ("signature_algorithm", algos.SignedDigestAlgorithm),
        ("signature", core.OctetBitString),
    ]
