"""The grammar of MAIL and RCPT with their parameters: text in, values out.

Standards: RFC 5321 §4.1.1.2, §4.1.1.3, §4.1.1.11; RFC 1870 (SIZE); RFC 6152 (BODY); RFC 6531 §3.4 (SMTPUTF8);
RFC 3461 §4 (RET, ENVID, NOTIFY, ORCPT); RFC 4954 §5 (AUTH).
Limits: command lines of 512 octets, longer by what each extension allows (``LINE_LIMITS``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from mailserver.address import AddressFault, parse_path
from mailserver.smtp.replies import Reply

# RFC 5321 §4.5.3.1.4, and what SIZE (26), BODY (17), SMTPUTF8 (10), DSN (RFC 3461 §4: 212 and 500) and AUTH
# (RFC 4954 §3: 500, §4: 12288) add.  Paths in UTF-8 may be long (RFC 6531 §3.5 raises no limit but asks for
# patience).
COMMAND_LIMIT = 512
LINE_LIMITS = {"MAIL": 512 + 26 + 17 + 10 + 212 + 500, "RCPT": 512 + 500, "AUTH": 12288}

# MAIL FROM:<path> [SP params].  The path may be a quoted string with ">" in it.
_PATH = r'<((?:"(?:[^"\\]|\\.)*"|[^">])*)>'
_MAIL = re.compile(rf"FROM:[ \t]*{_PATH}(?:[ \t]+(.*))?", re.IGNORECASE | re.DOTALL)
_RCPT = re.compile(rf"TO:[ \t]*{_PATH}(?:[ \t]+(.*))?", re.IGNORECASE | re.DOTALL)
# esmtp-param = esmtp-keyword ["=" esmtp-value]; esmtp-value = 1*(%d33-60 / %d62-126), UTF-8 added by RFC 6531
# §3.3
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([\x21-\x3c\x3e-\x7e\u0080-\U0010ffff]+))?")
# xtext = *( xchar / hexchar ) (RFC 3461 §4)
_XTEXT = re.compile(r"(?:[\x21-\x2a\x2c-\x3c\x3e-\x7e]|\+[0-9A-F]{2})*")
# original-recipient-address = addr-type ";" generic-address; utf-8-addr-xtext of RFC 6533 §3 comes here in
# xtext's place
_ORCPT = re.compile(r"([A-Za-z0-9.-]+);(.+)")


class SyntaxFault(ValueError):
    """The command is not well formed, or says something that we did not offer; ``reply`` is the answer."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        super().__init__(str(reply))


def _fault(code: int, enhanced: str, text: str) -> SyntaxFault:
    return SyntaxFault(Reply(code, enhanced, text))


@dataclass(slots=True)
class MailCommand:
    """MAIL as given.  ``size`` is the declared one, 0 when none was."""

    reverse_path: str
    size: int = 0
    body: Literal["7BIT", "8BITMIME"] = "7BIT"
    smtputf8: bool = False
    ret: Literal["", "FULL", "HDRS"] = ""
    envelope_id: str = ""  # decoded from xtext


@dataclass(slots=True)
class RcptCommand:
    """RCPT as given."""

    forward_path: str
    notify: str = ""  # "", "NEVER", or a comma list of SUCCESS, FAILURE, DELAY in this order
    original_recipient: str = ""  # "type;address", decoded


def parse_mail(argument: str) -> MailCommand:
    """What follows ``MAIL ``.  Raises SyntaxFault."""
    match = _MAIL.fullmatch(argument)
    if match is None:
        raise _fault(501, "5.5.4", "Syntax: MAIL FROM:<address> [parameters]")
    path, tail = match.groups()
    command = MailCommand("")
    if tail:
        _apply(command, tail, _MAIL_PARAMETERS, "MAIL")
    try:
        command.reverse_path = parse_path(path)
    except AddressFault:
        raise _fault(553, "5.1.7", "Malformed reverse-path") from None
    if not command.smtputf8 and not command.reverse_path.isascii():
        # RFC 6531 §3.5: without the SMTPUTF8 parameter the address is not permitted.
        raise _fault(550, "5.6.7", "An address outside ASCII needs the SMTPUTF8 parameter")
    return command


def parse_rcpt(argument: str, *, smtputf8: bool) -> RcptCommand:
    """What follows ``RCPT ``; ``smtputf8`` tells whether MAIL had that parameter.  Raises SyntaxFault."""
    match = _RCPT.fullmatch(argument)
    if match is None:
        raise _fault(501, "5.5.4", "Syntax: RCPT TO:<address> [parameters]")
    path, tail = match.groups()
    command = RcptCommand("")
    if tail:
        _apply(command, tail, _RCPT_PARAMETERS, "RCPT")
    if path.lower() == "postmaster":  # RFC 5321 §4.5.1: without a domain, in any case
        command.forward_path = "postmaster"
        return command
    try:
        command.forward_path = parse_path(path)
    except AddressFault:
        raise _fault(553, "5.1.3", "Malformed recipient address") from None
    if not command.forward_path:
        raise _fault(553, "5.1.3", "A recipient cannot be the null path")
    if not smtputf8 and not command.forward_path.isascii():
        raise _fault(553, "5.6.7", "An address outside ASCII needs the SMTPUTF8 parameter")
    return command


_C = TypeVar("_C")


def _apply(command: _C, tail: str, known: dict[str, Callable[[_C, str | None], None]], verb: str) -> None:
    seen: set[str] = set()
    for word in tail.split():
        match = _PARAMETER.fullmatch(word)
        if match is None:
            raise _fault(501, "5.5.4", "Malformed parameter")
        name = match[1].upper()
        setter = known.get(name)
        if setter is None:
            raise _fault(555, "5.5.4", f"{verb} parameter {name[:40]} is not known here")
        if name in seen:
            raise _fault(501, "5.5.4", f"Parameter {name} is given twice")
        seen.add(name)
        setter(command, match[2])


def _set_size(command: MailCommand, value: str | None) -> None:
    # size-value ::= 1*20DIGIT (RFC 1870 §3)
    if value is None or not value.isascii() or not value.isdigit() or len(value) > 20:
        raise _fault(501, "5.5.4", "SIZE takes a number")
    command.size = int(value)


def _set_body(command: MailCommand, value: str | None) -> None:
    kind = (value or "").upper()
    if kind == "7BIT":
        command.body = "7BIT"
    elif kind == "8BITMIME":
        command.body = "8BITMIME"
    else:
        raise _fault(501, "5.5.4", "BODY is 7BIT or 8BITMIME")


def _set_smtputf8(command: MailCommand, value: str | None) -> None:
    if value is not None:
        raise _fault(501, "5.5.4", "SMTPUTF8 takes no value")
    command.smtputf8 = True


def _set_ret(command: MailCommand, value: str | None) -> None:
    kind = (value or "").upper()
    if kind == "FULL":
        command.ret = "FULL"
    elif kind == "HDRS":
        command.ret = "HDRS"
    else:
        raise _fault(501, "5.5.4", "RET is FULL or HDRS")


def _set_envelope_id(command: MailCommand, value: str | None) -> None:
    if value is None or len(value) > 100:  # RFC 3461 §4.4
        raise _fault(501, "5.5.4", "ENVID takes up to 100 characters of xtext")
    command.envelope_id = decode_xtext(value)


def _set_auth(command: MailCommand, value: str | None) -> None:
    # RFC 4954 §5: must be taken by a server that offers AUTH; we believe none but our own logins, so it
    # counts as AUTH=<>.
    if value is None:
        raise _fault(501, "5.5.4", "AUTH takes a mailbox or <>")


def _set_notify(command: RcptCommand, value: str | None) -> None:
    words = (value or "").upper().split(",")
    allowed = ["SUCCESS", "FAILURE", "DELAY"]
    if words == ["NEVER"]:
        command.notify = "NEVER"
    elif all(word in allowed for word in words) and len(set(words)) == len(words):
        command.notify = ",".join(word for word in allowed if word in words)
    else:
        raise _fault(501, "5.5.4", "NOTIFY is NEVER or a list of SUCCESS, FAILURE, DELAY")


def _set_original_recipient(command: RcptCommand, value: str | None) -> None:
    match = _ORCPT.fullmatch(value or "")
    if match is None or len(value or "") > 500:
        raise _fault(501, "5.5.4", "ORCPT takes type;address")
    kind, address = match.groups()
    if kind.lower() != "utf-8":
        address = decode_xtext(address)
    command.original_recipient = f"{kind};{address}"


_MAIL_PARAMETERS: dict[str, Callable[[MailCommand, str | None], None]] = {
    "SIZE": _set_size,
    "BODY": _set_body,
    "SMTPUTF8": _set_smtputf8,
    "RET": _set_ret,
    "ENVID": _set_envelope_id,
    "AUTH": _set_auth,
}
_RCPT_PARAMETERS: dict[str, Callable[[RcptCommand, str | None], None]] = {
    "NOTIFY": _set_notify,
    "ORCPT": _set_original_recipient,
}


def decode_xtext(text: str) -> str:
    """xtext → text.  Raises SyntaxFault; the result never holds a control character, which could forge a
    header.
    """
    if _XTEXT.fullmatch(text) is None:
        raise _fault(501, "5.5.4", "Malformed xtext")
    plain = re.sub(r"\+([0-9A-F]{2})", lambda hit: chr(int(hit[1], 16)), text)
    if not plain.isascii() or not plain.isprintable():
        raise _fault(501, "5.5.4", "Malformed xtext")
    return plain


def encode_xtext(text: str) -> str:
    """Text in ASCII → xtext (RFC 3461 §4)."""
    return re.sub(r"[^\x21-\x2a\x2c-\x3c\x3e-\x7e]", lambda hit: f"+{ord(hit[0]):02X}", text)
