"""LDAP from another hand: requests made and answers read by ldap3's ASN.1, and a session played without a socket."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # ldap3 uses names that pyasn1 is going to drop
    from ldap3.operation.search import search_operation
    from ldap3.protocol import rfc4511
from pyasn1.codec.ber import decoder, encoder

from directory.ldap import ber
from directory.ldap.filters import And, Approx, AtLeast, AtMost, Equal, Extensible, Filter, Not, Or, Present, Substrings
from directory.ldap.messages import PAGED, SORT_REQUEST, Code
from directory.ldap.policy import Policy
from directory.ldap.session import Services, Session
from directory.ldap.steps import Close, Look, Send, StartTls, Steps
from directory.signing_in.sasl_login import Away, Wait
from security.peer import Peer


def message(number: int, name: str, request: Any, controls: Sequence[tuple[str, bool, bytes | None]] = ()) -> bytes:
    whole = rfc4511.LDAPMessage()
    whole["messageID"] = rfc4511.MessageID(number)
    whole["protocolOp"] = rfc4511.ProtocolOp().setComponentByName(name, request)
    if controls:
        listed = rfc4511.Controls()
        for position, (oid, critical, value) in enumerate(controls):
            control = rfc4511.Control()
            control["controlType"] = rfc4511.LDAPOID(oid)
            control["criticality"] = rfc4511.Criticality(critical)
            if value is not None:
                control["controlValue"] = rfc4511.ControlValue(value)
            listed.setComponentByPosition(position, control)
        whole["controls"] = listed
    return encoder.encode(whole)


def filter_text(wanted: Filter) -> str:
    """RFC 4515."""

    def escaped(value: bytes | None) -> str:
        return "".join(f"\\{octet:02x}" for octet in value or b"")

    if isinstance(wanted, And | Or):
        return f"({'&' if isinstance(wanted, And) else '|'}{''.join(map(filter_text, wanted.parts))})"
    if isinstance(wanted, Not):
        return f"(!{filter_text(wanted.part)})"
    if isinstance(wanted, Present):
        return f"({wanted.attribute}=*)"
    if isinstance(wanted, Substrings):
        middle = "".join(f"*{escaped(piece)}" for piece in wanted.middle)
        return f"({wanted.attribute}={escaped(wanted.initial)}{middle}*{escaped(wanted.final)})"
    if isinstance(wanted, Extensible):
        rule = f":{wanted.rule}" if wanted.rule else ""
        return f"({wanted.attribute}{':dn' if wanted.in_dn else ''}{rule}:={escaped(wanted.value)})"
    mark = {Equal: "=", AtLeast: ">=", AtMost: "<=", Approx: "~="}[type(wanted)]
    return f"({wanted.attribute}{mark}{escaped(wanted.value)})"


def search_request(
    base: str,
    text: str = "(objectClass=*)",
    scope: str = "SUBTREE",
    attributes: Sequence[str] = (),
    size_limit: int = 0,
    time_limit: int = 0,
    types_only: bool = False,
) -> Any:
    return search_operation(
        base, text, scope, "NEVER", list(attributes), size_limit, time_limit, types_only, None, None
    )


def read_answers(octets: bytes) -> Iterator[Any]:
    while octets:
        found, octets = decoder.decode(octets, asn1Spec=rfc4511.LDAPMessage())
        yield found


@dataclass
class Found:
    """What a search gave: entries in their order, and how it ended."""

    code: Code
    text: str
    matched: str
    entries: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)
    controls: dict[str, bytes] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return [values["cn"][0] for _, values in self.entries if "cn" in values]

    @property
    def dns(self) -> list[str]:
        return [name for name, _ in self.entries]


def found_in(octets: bytes) -> Found:
    entries = []
    for answer in read_answers(octets):
        operation = answer["protocolOp"]
        kind = operation.getName()
        if kind == "searchResEntry":
            entry = operation.getComponent()
            values = {
                str(each["type"]): [bytes(value).decode() for value in each["vals"]] for each in entry["attributes"]
            }
            entries.append((bytes(entry["object"]).decode(), values))
            continue
        done = operation.getComponent()
        controls = {}
        if answer["controls"].hasValue():
            controls = {str(each["controlType"]): bytes(each["controlValue"]) for each in answer["controls"]}
        text, matched = bytes(done["diagnosticMessage"]).decode(), bytes(done["matchedDN"]).decode()
        return Found(Code(int(done["resultCode"])), text, matched, entries, controls)
    raise AssertionError("the search did not end")


class Client:
    """Plays one session; steps are taken at once."""

    def __init__(self, services: Services, *, tls: bool = True, peer: Peer | None = None) -> None:
        self.session = Session(services, peer or Peer("192.0.2.7", "ldap"), takes_passwords=tls)
        self.number = 0
        self.waited: list[float] = []
        self.on_step: Callable[[Any], None] = lambda step: None

    def send(self, octets: bytes) -> bytes:
        self.session.feed(octets)
        return self.play()

    def play(self) -> bytes:
        said = b""
        while (steps := self.session.next()) is not None:
            said += self._run(steps)
        return said

    def _run(self, steps: Steps) -> bytes:
        said, value, fault = b"", None, None
        while True:
            try:
                step = steps.throw(fault) if fault is not None else steps.send(value)
            except StopIteration:
                return said
            value = fault = None
            self.on_step(step)
            try:
                if isinstance(step, Look | Away):
                    value = step.call()
                elif isinstance(step, Wait):
                    self.waited.append(step.seconds)
                else:
                    assert isinstance(step, Send | Close | StartTls)
                    said += step.octets
            except Exception as raised:
                fault = raised

    def ask(self, name: str, request: Any, controls: Sequence[tuple[str, bool, bytes | None]] = ()) -> bytes:
        self.number += 1
        return self.send(message(self.number, name, request, controls))

    def bind(self, name: str, password: str) -> Code:
        request = rfc4511.BindRequest()
        request["version"] = rfc4511.Version(3)
        request["name"] = name
        request["authentication"] = rfc4511.AuthenticationChoice().setComponentByName(
            "simple", rfc4511.Simple(password)
        )
        return code_of(self.ask("bindRequest", request))

    def bind_sasl(self, mechanism: str, credentials: bytes | None) -> tuple[Code, bytes]:
        parts = [ber.octets(mechanism)]
        if credentials is not None:
            parts.append(ber.octets(credentials))
        choice = ber.sequence(parts, ber.context(3, constructed=True))
        self.number += 1
        request = ber.sequence((ber.integer(3), ber.octets(""), choice), ber.application(0))
        answer = self.send(ber.sequence((ber.integer(self.number), request)))
        (found,) = read_answers(answer)
        response = found["protocolOp"].getComponent()
        given = response["serverSaslCreds"]
        return Code(int(response["resultCode"])), bytes(given) if given.hasValue() else b""

    def search(
        self,
        base: str,
        text: str = "(objectClass=*)",
        scope: str = "SUBTREE",
        controls: Sequence[tuple[str, bool, bytes | None]] = (),
        **more: Any,
    ) -> Found:
        return found_in(self.ask("searchRequest", search_request(base, text, scope, **more), controls))


def code_of(octets: bytes) -> Code:
    (found,) = read_answers(octets)
    return Code(int(found["protocolOp"].getComponent()["resultCode"]))


def page(size: int, cookie: bytes = b"", *, critical: bool = True) -> tuple[str, bool, bytes]:
    return PAGED, critical, ber.sequence((ber.integer(size), ber.octets(cookie)))


def cookie_in(found: Found) -> bytes:
    inside = ber.Reader(found.controls[PAGED]).inside()
    inside.integer()
    return inside.octets()


def sort_by(*attributes: str, critical: bool = True) -> tuple[str, bool, bytes]:
    keys = []
    for each in attributes:
        parts = [ber.octets(each.lstrip("-"))]
        if each.startswith("-"):
            parts.append(ber.boolean(True, ber.context(1)))
        keys.append(ber.sequence(parts))
    return SORT_REQUEST, critical, ber.sequence(keys)


def services(directory: Any, gate: Any, **policy: Any) -> Services:
    return Services(directory, gate, Policy(**policy))
