"""This server's certificate, as others will see it.

Whether it is believed is tried by a handshake between two ends in memory: what OpenSSL says there, a client's says too.

Standards: RFC 9525 (names), RFC 8446 §4.4.2 (the chain goes out with it), RFC 9325 §4.5 (keys and digests).
"""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from mailserver.doctor.verdicts import Verdict, bad, good, warning
from security.dane import bears
from security.tls import client_context, server_context

RENEW_WITHIN = datetime.timedelta(days=14)
_SMALLEST_RSA, _SMALLEST_EC = 2048, 224


def read_chain(path: Path) -> list[x509.Certificate]:
    """The certificates of a PEM file, in its order.  Raises OSError, ValueError."""
    return x509.load_pem_x509_certificates(path.read_bytes())


def check_certificate(
    certificate: Path, key: Path, names: Sequence[str], now: datetime.datetime, *, authorities: Path | None = None
) -> list[Verdict]:
    """``names`` are those by which others know this server; ``authorities`` stands in for those that machines trust."""
    subject = str(certificate)
    try:
        own = read_chain(certificate)[0]
        server = server_context(certificate, key)
    except (OSError, ValueError) as fault:  # ssl.SSLError too: a key that belongs to another
        return [bad("certificate.unusable", subject, fault=fault)]
    verdicts = [_judge_dates(own, subject, now), _judge_key(own, subject)]
    missing = [name for name in names if not bears(own, name)]
    if missing:
        verdicts.append(bad("certificate.names", subject, names=", ".join(missing)))
    elif names:
        verdicts.append(good("certificate.bears", subject, names=", ".join(names)))
    present = [name for name in names if name not in missing]
    if present:
        doubt = _try(server, client_context(ca_file=authorities), present[0])
        believed = good("certificate.believed", subject)
        verdicts.append(bad("certificate.unbelieved", subject, fault=doubt) if doubt else believed)
    return verdicts


def _judge_dates(own: x509.Certificate, subject: str, now: datetime.datetime) -> Verdict:
    ends = own.not_valid_after_utc
    if now < own.not_valid_before_utc:
        return bad("certificate.early", subject, begins=own.not_valid_before_utc.date())
    if now > ends:
        return bad("certificate.ended", subject, ends=ends.date())
    if ends - now < RENEW_WITHIN:
        return warning("certificate.ends-soon", subject, ends=ends.date())
    return good("certificate.lasts", subject, ends=ends.date())


def _judge_key(own: x509.Certificate, subject: str) -> Verdict:
    key = own.public_key()
    digest = own.signature_hash_algorithm
    if digest is not None and digest.name in ("md5", "sha1"):
        return bad("certificate.weak", subject, what=digest.name.upper())
    if isinstance(key, rsa.RSAPublicKey):
        shown, is_strong = f"RSA {key.key_size}", key.key_size >= _SMALLEST_RSA
    elif isinstance(key, ec.EllipticCurvePublicKey):
        shown, is_strong = f"EC {key.curve.name}", key.key_size >= _SMALLEST_EC
    else:
        shown, is_strong = type(key).__name__, isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey)
    return (
        good("certificate.strong", subject, what=shown) if is_strong else bad("certificate.weak", subject, what=shown)
    )


def _try(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> str:
    """Why a client does not believe the certificate; empty if it does."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(down, up, server_hostname=name),
        server.wrap_bio(up, down, server_side=True),
    )
    done = [False, False]
    while not all(done):
        for place, end in enumerate(ends):
            try:
                end.do_handshake()
                done[place] = True
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as fault:
                return fault.verify_message
            except ssl.SSLError as fault:
                return str(fault.reason or fault)
    return ""
