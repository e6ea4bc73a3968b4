"""What the city publishes about its certificates: lists, authorities' certificates, and answers (OCSP).

Everything that goes out is signed, and says numbers and dates; nobody's name is in it.

An answer that is for everybody is kept and given again, for as long as the register says the same: a revocation is
told of by the next answer.

Standards: RFC 2585 §4 (media types), RFC 6960 appendix A.1, RFC 5019 §5, §6 (caching).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock

from directory.database import Directory
from directory.pki.issuers import DELTA, FULL, crl_of, list_issuers, register
from directory.pki.ocsp_responders import responders
from security.authority.responder import (
    MALFORMED,
    UNAUTHORIZED,
    Answer,
    Asked,
    Responder,
    issuer_names,
    read_request,
    refuse,
    sign_answer,
)
from security.keys.wrapping import WrappingKey

CRL_TYPE, CERTIFICATE_TYPE = "application/pkix-crl", "application/pkix-cert"
REQUEST_TYPE, ANSWER_TYPE = "application/ocsp-request", "application/ocsp-response"

# How long others may keep an answer, and for how long we give the same one
_LIFE = timedelta(hours=4)
_GIVEN_AGAIN = timedelta(hours=1)
_MOST_KEPT = 10_000
# Seconds between looks for other authorities or responders
_LOOK = 60.0
# Digits of an authority's fingerprint in the names of its documents (security.authority.profiles.places_under)
_STEM = 16


@dataclass(frozen=True, slots=True)
class Document:
    media_type: str
    octets: bytes
    changed_at: int
    expires_at: int | None = None


class Publication:
    """For the threads of one process."""

    def __init__(
        self,
        directory: Directory,
        open_wrapping: Callable[[], WrappingKey],
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._directory = directory
        self._open_wrapping = open_wrapping
        self._clock = clock
        self._monotonic = monotonic
        self._looked = float("-inf")
        self._responders: dict[str, Responder] = {}
        self._issuers: dict[tuple[bytes, bytes], str] = {}
        self._kept: OrderedDict[tuple[Asked, bool], Answer] = OrderedDict()
        self._lock = Lock()

    def document(self, name: str) -> Document | None:
        """``<authority>.crl``, ``<authority>-delta.crl`` or ``<authority>.cer``, as certificates name them."""
        stem, _, ending = name.rpartition(".")
        kind = DELTA if stem.endswith("-delta") else FULL
        stem = stem.removesuffix("-delta")
        with self._directory.read() as conn:
            found = [row for row in list_issuers(conn) if row.fingerprint[:_STEM] == stem]
            if found and ending == "cer":
                return Document(CERTIFICATE_TYPE, found[0].der, found[0].created_at)
            crl = crl_of(conn, found[0].id, kind) if found and ending == "crl" else None
            return Document(CRL_TYPE, crl.der, crl.this_update, crl.next_update) if crl else None

    def answer(self, request: bytes) -> Answer:
        """To a request for the state of a certificate."""
        try:
            asked = read_request(request)
        except ValueError:
            return refuse(MALFORMED)
        self._look()
        issuer_id = self._issuers.get(asked.issuer, "")
        responder = self._responders.get(issuer_id)
        if responder is None:
            return refuse(UNAUTHORIZED)
        with self._directory.read() as conn:
            known = register(conn, issuer_id, asked.serial)
        now = datetime.fromtimestamp(int(self._clock()), UTC)
        question = asked, known is not None and known.revoked is not None
        with self._lock:
            kept = self._kept.get(question)
        if kept is not None and kept.this_update is not None and now - kept.this_update < _GIVEN_AGAIN:
            return kept
        made = sign_answer(asked, responder, known, now=now, life=_LIFE)
        if made.keeps:
            with self._lock:
                self._kept[question] = made
                self._kept.move_to_end(question)
                while len(self._kept) > _MOST_KEPT:
                    self._kept.popitem(last=False)
        return made

    def _look(self) -> None:
        """Who answers for whom, as the directory has it now."""
        with self._lock:
            if self._monotonic() - self._looked < _LOOK:
                return
            self._looked = self._monotonic()
        wrapping = self._open_wrapping()
        with self._directory.read() as conn:
            found = responders(conn, wrapping)
            issuers = issuer_names({row.id: row.certificate for row in list_issuers(conn)})
        with self._lock:
            if {name: each.certificate for name, each in found.items()} != {
                name: each.certificate for name, each in self._responders.items()
            }:
                self._kept.clear()  # what one has signed who is gone
            self._responders, self._issuers = found, issuers
