"""The conversation of a login, the same for every protocol: what to ask the client, when to wait, whom to let in.

A generator without a socket.  It yields a ``Challenge`` (send it, and send the client's decoded answer back in), a
``Wait`` (let the time pass) or an ``Away`` (run the call where it blocks nobody, and send its result back in or throw
what it raised), and returns the ``Admission``.

    steps = converse(gate, exchange, initial, peer)

It raises ``LoginRefused``, whose delay has been waited then, and ``SaslFault`` for a client that breaks the rules.

Standards: RFC 4422 §3; RFC 5802 §3, §5; RFC 7628 §3.2.3.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any

from directory.signing_in.admission import Admission
from directory.signing_in.login import Evidence, Exchange, Gate, LoginRefused
from security.bearer import BearerToken
from security.peer import Peer
from security.sasl import Challenge, Credentials, ExternalClaim, SaslFault, SaslRefused
from security.scram import Scram, ScramProof, VerifierWanted


@dataclass(frozen=True, slots=True)
class Wait:
    seconds: float


@dataclass(frozen=True, slots=True)
class Away:
    call: Callable[[], Any]


Conversation = Generator[Challenge | Wait | Away, Any, Admission]


def converse(gate: Gate, exchange: Exchange, initial: bytes | None, peer: Peer) -> Conversation:
    """``initial``: the client's decoded initial response, None if he sent none."""
    try:
        step: Challenge | VerifierWanted | Evidence = exchange.start(initial)
        while isinstance(step, Challenge | VerifierWanted):
            if isinstance(step, Challenge):
                step = exchange.respond((yield step))
            else:
                assert isinstance(exchange, Scram)
                step = exchange.know((yield Away(partial(gate.verifier, step.login))))
    except SaslRefused as refused:
        raise LoginRefused(str(refused), "credentials") from None
    admission = yield from admit(gate, step, peer)
    if isinstance(step, ScramProof):
        answer: bytes = yield Challenge(step.final)
        if answer:  # RFC 5802 §5: there is nothing left to be said
            raise SaslFault("not a SCRAM message")
    return admission


def admit(gate: Gate, evidence: Evidence, peer: Peer) -> Conversation:
    """What was claimed, judged, with what has to be waited before and after."""
    if isinstance(evidence, Credentials):
        recalled = gate.recall(evidence, peer)
        if recalled is not None:
            return recalled
    # A login at which strangers guess is slow for everybody but its owner, who is recalled.
    pause = gate.pause(_login(evidence), peer.client)
    if pause > 0:
        yield Wait(pause)
    try:
        admission: Admission = yield Away(partial(gate.judge, evidence, peer))
    except LoginRefused as refused:
        if refused.delay > 0:
            yield Wait(refused.delay)
        if refused.challenge:
            yield Challenge(refused.challenge)
        raise
    return admission


def _login(evidence: Evidence) -> str:
    if isinstance(evidence, ExternalClaim | BearerToken):
        return evidence.authzid
    return evidence.authcid
