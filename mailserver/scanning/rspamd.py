"""rspamd over HTTP: it gets the message and its envelope, and names an action.

Standards: rspamd's ``/checkv2``; RFC 9110, RFC 9112 by way of h11.
Limits: what rspamd would rewrite (the subject) is not: such a message is junk.  Its own greylisting is obeyed as a
wish to see the message again later.
"""

from __future__ import annotations

import json
from typing import Any

import h11

from mailserver.scanning.opinion import Action, Conversation, Letter, Opinion, ScannerFailed
from mailserver.smtp.replies import Reply

NAME = "rspamd"
_MAX_ANSWER = 4 * 1024 * 1024

_ACTIONS = {
    "no action": Action.CLEAN,
    "add header": Action.JUNK,
    "rewrite subject": Action.JUNK,
    "quarantine": Action.QUARANTINE,
    "greylist": Action.DEFER,
    "soft reject": Action.DEFER,
    "reject": Action.REFUSE,
}


def scan(letter: Letter, *, host: str) -> Conversation:
    """``host`` for the Host field.  Raises ScannerFailed."""
    http = h11.Connection(our_role=h11.CLIENT)
    headers = [("Host", host), ("Content-Length", str(letter.size)), ("Connection", "close"), *_envelope(letter)]
    try:
        yield http.send(h11.Request(method="POST", target="/checkv2", headers=headers)) or b""
        for chunk in letter.chunks():
            yield http.send(h11.Data(data=chunk)) or b""
        yield http.send(h11.EndOfMessage()) or b""
        status, body = 0, bytearray()
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                http.receive_data((yield None))
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > _MAX_ANSWER:
                    raise ScannerFailed("rspamd talks too much")
            elif isinstance(event, h11.EndOfMessage):
                break
            elif isinstance(event, h11.ConnectionClosed):
                raise ScannerFailed("rspamd hung up without an answer")
    except h11.ProtocolError as fault:
        raise ScannerFailed(f"rspamd speaks no HTTP: {fault}") from None
    if status != 200:
        raise ScannerFailed(f"rspamd answers {status}: {bytes(body[:200])!r}")
    return read_answer(bytes(body))


def _envelope(letter: Letter) -> list[tuple[str, str]]:
    fields = [("Queue-Id", letter.reference), ("From", letter.reverse_path), ("IP", letter.client)]
    fields += [("Helo", letter.hello), ("User", letter.login)]
    fields += [("Rcpt", recipient) for recipient in letter.recipients]
    return [(name, _visible(value)) for name, value in fields if value]


def _visible(value: str) -> str:
    """As a header field of HTTP can hold it (RFC 9110 §5.5): no control characters, UTF-8 as octets."""
    kept = "".join(character for character in value if character.isprintable()).strip()
    return kept.encode("utf-8").decode("latin-1")


def read_answer(body: bytes) -> Opinion:
    try:
        answer: Any = json.loads(body)
        action = _ACTIONS[answer["action"]]
        score, required = float(answer.get("score", 0)), float(answer.get("required_score", 0))
        symbols = sorted(answer.get("symbols") or {})
        messages = answer.get("messages") or {}
        told = str(messages.get("smtp_message") or "") if isinstance(messages, dict) else ""
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ScannerFailed(f"rspamd's answer cannot be read: {body[:200]!r}") from None
    detail = f"{score:.1f}/{required:.1f} {','.join(symbols)}"[:1000]
    reply = None
    if told and action is Action.REFUSE:
        reply = Reply(554, "5.7.1", told[:400])
    elif told and action is Action.DEFER:
        reply = Reply(451, "4.7.1", told[:400])
    return Opinion(NAME, action, detail, reply)
