"""CRLs of other authorities: where they are to be had, what came last, and when to ask again.

Which are wanted is noted when an administrator trusts an authority or imports a certificate (``want_crls``).
``refresh`` fetches in the background, by a function that is given to it.  What cannot be had, is signed by nobody we
know, or is older than what is here, leaves the last one in its place, which holds until its nextUpdate like any other.

Standards: RFC 5280 §4.2.1.13, §5.1.2.5, §6.3; RFC 2585 §2.1, §4.2 (HTTP, one DER CRL a file).
Limits: HTTP and HTTPS alone; ``MOST_URLS`` places; ``LARGEST`` octets each.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import func, insert, or_, select, update

from directory.database import Directory, Reading, Writing
from directory.tables import fetched_crl, known_authority, trust_anchor

MOST_URLS = 200
LARGEST = 16 * 1024 * 1024
_LONGEST_URL = 500
# Asked for when the half of its time is over, but no oftener than every hour and no rarer than once a day
_SOONEST, _LATEST = 3600, 86_400


class FetchFault(Exception):
    """It could not be had."""


Fetch = Callable[[str], bytes]


def want_crls(conn: Writing, der: bytes) -> None:
    """Note where this certificate's revocations are published."""
    _want(conn, _urls(x509.load_der_x509_certificate(der)))


def fetched_crls(conn: Reading | Writing) -> list[bytes]:
    """All that came, deltas among them."""
    chosen = select(fetched_crl.c.der).where(fetched_crl.c.der.is_not(None)).order_by(fetched_crl.c.url)
    return list(conn.execute(chosen).scalars())


def list_fetched(conn: Reading | Writing) -> list[tuple[str, int, str]]:
    """Every place, until when what came from it holds (0: nothing came), and what went wrong last."""
    chosen = select(fetched_crl.c.url, fetched_crl.c.next_update, fetched_crl.c.problem).order_by(fetched_crl.c.url)
    return [(row.url, row.next_update, row.problem) for row in conn.execute(chosen)]


def refresh(directory: Directory, fetch: Fetch) -> list[tuple[str, str]]:
    """Fetch what is due; each place with what went wrong there, if something did."""
    with directory.read() as reading:
        half_over = (fetched_crl.c.fetched_at + fetched_crl.c.next_update) / 2
        age = reading.now - fetched_crl.c.fetched_at
        due = or_(age >= _LATEST, (age >= _SOONEST) & (half_over <= reading.now))
        urls = list(reading.execute(select(fetched_crl.c.url).where(due).order_by(fetched_crl.c.url)).scalars())
        signers = [
            x509.load_der_x509_certificate(der)
            for table in (known_authority, trust_anchor)
            for der in reading.execute(select(table.c.der)).scalars()
        ]
    done = []
    for url in urls:
        # nobody waits for others inside of a transaction
        problem, read = "", None
        try:
            read = _read(fetch(url), signers)
        except (FetchFault, ValueError) as fault:
            problem = str(fault) or type(fault).__name__
        with directory.write() as conn:
            values: dict[str, object] = {"fetched_at": conn.now, "problem": problem[:500]}
            if read is not None and not _is_older(conn, url, read):
                values |= {"der": read.public_bytes(Encoding.DER), "next_update": _until(read)}
                _want(conn, _deltas(read))
            conn.execute(update(fetched_crl).where(fetched_crl.c.url == url).values(**values))
        done.append((url, problem))
    return done


def _read(octets: bytes, signers: list[x509.Certificate]) -> x509.CertificateRevocationList:
    """Raises FetchFault and ValueError."""
    if len(octets) > LARGEST:
        raise FetchFault(f"more than {LARGEST} octets")
    read = x509.load_der_x509_crl(octets)
    if read.next_update_utc is None:
        raise FetchFault("it has no nextUpdate")  # RFC 5280 §5.1.2.5
    for signer in signers:
        if signer.subject == read.issuer and _has_signed(signer, read):
            return read
    raise FetchFault(f"nobody whom we know has signed it as {read.issuer.rfc4514_string()}")


def _has_signed(signer: x509.Certificate, read: x509.CertificateRevocationList) -> bool:
    try:
        return read.is_signature_valid(signer.public_key())  # type: ignore[arg-type]  # of other kinds: TypeError
    except (TypeError, UnsupportedAlgorithm):
        return False


def _is_older(conn: Writing, url: str, read: x509.CertificateRevocationList) -> bool:
    """Whether it was issued before the one that is here: a CRL over HTTP may be anybody's, and an old one."""
    here = conn.execute(select(fetched_crl.c.der).where(fetched_crl.c.url == url)).scalar_one()
    return here is not None and read.last_update_utc < x509.load_der_x509_crl(here).last_update_utc


def _until(read: x509.CertificateRevocationList) -> int:
    assert read.next_update_utc is not None
    return int(read.next_update_utc.timestamp())


def _want(conn: Writing, urls: list[str]) -> None:
    count = conn.execute(select(func.count()).select_from(fetched_crl)).scalar_one()
    known = set(conn.execute(select(fetched_crl.c.url).where(fetched_crl.c.url.in_(urls))).scalars())
    lacking = [url for url in urls if url not in known and len(url) <= _LONGEST_URL][: max(0, MOST_URLS - count)]
    for url in lacking:
        conn.execute(insert(fetched_crl), {"url": url, "fetched_at": 0, "next_update": 0, "problem": ""})


def _urls(read: x509.Certificate) -> list[str]:
    try:
        points = read.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return _http(points)


def _deltas(read: x509.CertificateRevocationList) -> list[str]:
    try:
        points = read.extensions.get_extension_for_class(x509.FreshestCRL).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return _http(points)


def _http(points: x509.CRLDistributionPoints | x509.FreshestCRL) -> list[str]:
    names = [name for point in points for name in point.full_name or ()]
    values = [name.value for name in names if isinstance(name, x509.UniformResourceIdentifier)]
    return [value for value in dict.fromkeys(values) if value.lower().startswith(("http://", "https://"))]
