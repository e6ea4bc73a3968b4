"""LDAP messages: what a client says as values, what is answered as octets.

Standards: RFC 4511 §4; RFC 2696 (paged results), RFC 2891 (server-side sorting), draft-ietf-ldapext-ldapv3-vlv-09
(virtual list views); what RFC 4511 §4 leaves room for behind the known elements of a request is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from directory.ldap import ber
from directory.ldap.ber import BerFault, Reader, application, context
from directory.ldap.filters import Filter, read_filter

# Attributes of one search, controls of one message, keys of one sort.
MAX_ATTRIBUTES, MAX_CONTROLS, MAX_SORT_KEYS = 200, 20, 10
# Longer names of attributes are nobody's.
_LONGEST_NAME = 100
_NO_ATTRIBUTE = "1.1"  # RFC 4511 §4.5.1.8

_CONTROLS = context(0, constructed=True)
PAGED = "1.2.840.113556.1.4.319"
SORT_REQUEST, SORT_RESPONSE = "1.2.840.113556.1.4.473", "1.2.840.113556.1.4.474"
VIEW_REQUEST, VIEW_RESPONSE = "2.16.840.1.113730.3.4.9", "2.16.840.1.113730.3.4.10"
START_TLS = "1.3.6.1.4.1.1466.20037"
NOTICE_OF_DISCONNECTION = "1.3.6.1.4.1.1466.20036"
WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3"
PASSWORD_MODIFY = "1.3.6.1.4.1.4203.1.11.1"  # noqa: S105  (a name)


class Code(IntEnum):
    """Result codes (RFC 4511 appendix A)."""

    SUCCESS = 0
    OPERATIONS_ERROR = 1
    PROTOCOL_ERROR = 2
    TIME_LIMIT_EXCEEDED = 3
    SIZE_LIMIT_EXCEEDED = 4
    COMPARE_FALSE = 5
    COMPARE_TRUE = 6
    AUTH_METHOD_NOT_SUPPORTED = 7
    STRONGER_AUTH_REQUIRED = 8
    ADMIN_LIMIT_EXCEEDED = 11
    UNAVAILABLE_CRITICAL_EXTENSION = 12
    CONFIDENTIALITY_REQUIRED = 13
    SASL_BIND_IN_PROGRESS = 14
    NO_SUCH_ATTRIBUTE = 16
    UNDEFINED_ATTRIBUTE_TYPE = 17
    INAPPROPRIATE_MATCHING = 18
    NO_SUCH_OBJECT = 32
    INVALID_DN_SYNTAX = 34
    INVALID_CREDENTIALS = 49
    INSUFFICIENT_ACCESS_RIGHTS = 50
    BUSY = 51
    UNAVAILABLE = 52
    UNWILLING_TO_PERFORM = 53
    SORT_CONTROL_MISSING = 60  # these two of a view's answer only
    OFFSET_RANGE_ERROR = 61
    VIRTUAL_LIST_VIEW_ERROR = 76
    OTHER = 80


class Answer(IntEnum):
    """Numbers of the responses' application tags."""

    BIND = 1
    ENTRY = 4
    DONE = 5
    MODIFY = 7
    ADD = 9
    DELETE = 11
    MODIFY_DN = 13
    COMPARE = 15
    EXTENDED = 24


@dataclass(frozen=True, slots=True)
class Control:
    oid: str
    critical: bool
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Bind:
    """``mechanism`` None: simple, with the password in ``secret``."""

    version: int
    name: str
    mechanism: str | None
    secret: bytes | None

    def __repr__(self) -> str:
        return f"Bind(name={self.name!r}, mechanism={self.mechanism!r})"


@dataclass(frozen=True, slots=True)
class Unbind:
    pass


@dataclass(frozen=True, slots=True)
class Abandon:
    message_id: int


@dataclass(frozen=True, slots=True)
class Search:
    base: str
    scope: int  # 0 base, 1 one level, 2 subtree; others are not known
    size_limit: int
    time_limit: int
    types_only: bool
    filter: Filter
    attributes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compare:
    name: str
    attribute: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Extended:
    oid: str
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Write:
    """A request to change something, which is not looked into.  ``answer``: how it is answered."""

    answer: Answer


Operation = Bind | Unbind | Abandon | Search | Compare | Extended | Write


@dataclass(frozen=True, slots=True)
class Message:
    id: int
    operation: Operation
    controls: tuple[Control, ...] = ()


@dataclass(slots=True)
class Request:
    """A message that has not been looked into.  ``octets``: its operation and controls."""

    id: int
    octets: bytes

    @property
    def is_search(self) -> bool:
        return self.octets[:1] == _SEARCH_TAG

    def read(self) -> Message:
        """Raises BerFault."""
        reader = Reader(self.octets)
        operation = _read_operation(reader)
        controls: tuple[Control, ...] = ()
        if reader.tag == _CONTROLS:
            controls = _read_controls(reader.inside(_CONTROLS))
        return Message(self.id, operation, controls)


_ENTRY = application(Answer.ENTRY)
_BIND, _UNBIND, _SEARCH = application(0), application(2, constructed=False), application(3)
_ABANDON, _COMPARE, _EXTENDED = application(16, constructed=False), application(14), application(23)
_WRITES = {
    application(6): Answer.MODIFY,
    application(8): Answer.ADD,
    application(10, constructed=False): Answer.DELETE,
    application(12): Answer.MODIFY_DN,
}


_SEARCH_TAG = bytes((_SEARCH,))


def read_request(content: bytes) -> Request:
    """From the content of the outermost SEQUENCE.  Raises BerFault."""
    reader = Reader(content)
    # RFC 4511 §4.1.1.1: 0 is for notices of the server's own
    return Request(reader.integer(low=1), reader.rest())


def read_message(content: bytes) -> Message:
    """All of it at once.  Raises BerFault."""
    return read_request(content).read()


def _read_operation(reader: Reader) -> Operation:
    tag = reader.tag
    if tag == _SEARCH:
        return _read_search(reader.inside(tag))
    if tag == _BIND:
        return _read_bind(reader.inside(tag))
    if tag == _UNBIND:
        reader.octets(tag)
        return Unbind()
    if tag == _ABANDON:
        return Abandon(reader.integer(tag))
    if tag == _COMPARE:
        inside = reader.inside(tag)
        name = inside.text()
        assertion = inside.inside()
        return Compare(name, assertion.text(), assertion.octets())
    if tag == _EXTENDED:
        inside = reader.inside(tag)
        oid = inside.text(context(0))
        return Extended(oid, inside.octets(context(1)) if inside.tag == context(1) else None)
    if tag in _WRITES:
        reader.octets(tag)
        return Write(_WRITES[tag])
    raise BerFault("unknown operation")


def _read_bind(reader: Reader) -> Bind:
    version = reader.integer(low=1, high=127)
    name = reader.text()
    if reader.tag == context(0):
        return Bind(version, name, None, reader.octets(context(0)))
    if reader.tag == context(3, constructed=True):
        sasl = reader.inside(context(3, constructed=True))
        mechanism = sasl.text()
        return Bind(version, name, mechanism, sasl.octets() if sasl.tag == ber.OCTETS else None)
    # RFC 4511 §4.2: a choice we do not know is answered, not a fault of the octets
    reader.skip()
    return Bind(version, name, "", None)


def _read_search(reader: Reader) -> Search:
    base = reader.text()
    scope = reader.integer(ber.ENUMERATED)
    reader.integer(ber.ENUMERATED)  # derefAliases: there are no aliases
    size_limit, time_limit = reader.integer(), reader.integer()
    types_only = reader.boolean()
    wanted = read_filter(reader)
    inside = reader.inside()
    attributes: list[str] = []
    while inside.tag is not None:
        if len(attributes) == MAX_ATTRIBUTES:
            raise BerFault("too many attributes")
        name = inside.text()
        attributes.append(name if len(name) <= _LONGEST_NAME else _NO_ATTRIBUTE)
    return Search(base, scope, size_limit, time_limit, types_only, wanted, tuple(attributes))


def _read_controls(reader: Reader) -> tuple[Control, ...]:
    found: list[Control] = []
    while reader.tag is not None:
        if len(found) == MAX_CONTROLS:
            raise BerFault("too many controls")
        inside = reader.inside()
        oid = inside.text()
        critical = inside.boolean() if inside.tag == ber.BOOLEAN else False
        found.append(Control(oid, critical, inside.octets() if inside.tag == ber.OCTETS else None))
    return tuple(found)


# Values of controls


@dataclass(frozen=True, slots=True)
class Page:
    size: int
    cookie: bytes


@dataclass(frozen=True, slots=True)
class SortKey:
    attribute: str
    rule: str
    reverse: bool


def read_page(value: bytes | None) -> Page:
    """RFC 2696 §2.  Raises BerFault."""
    outer = Reader(value or b"")
    inside = outer.inside()
    outer.end()
    return Page(inside.integer(), inside.octets())


def page_control(cookie: bytes, estimate: int = 0) -> Control:
    return Control(PAGED, False, ber.sequence((ber.integer(estimate), ber.octets(cookie))))


def read_sort_keys(value: bytes | None) -> tuple[SortKey, ...]:
    """RFC 2891 §1.1.  Raises BerFault."""
    outer = Reader(value or b"")
    inside = outer.inside()
    outer.end()
    keys: list[SortKey] = []
    while inside.tag is not None:
        if len(keys) == MAX_SORT_KEYS:
            raise BerFault("too many sort keys")
        one = inside.inside()
        attribute = one.text()
        rule = one.text(context(0)) if one.tag == context(0) else ""
        reverse = one.boolean(context(1)) if one.tag == context(1) else False
        one.end()
        keys.append(SortKey(attribute, rule, reverse))
    if not keys:
        raise BerFault("no sort key")
    return tuple(keys)


@dataclass(frozen=True, slots=True)
class View:
    """A part of a sorted list: around the entry with this number of so many, or the first from a value on."""

    before: int
    after: int
    offset: int = 0
    count: int = 0
    value: bytes | None = None


def read_view(value: bytes | None) -> View:
    """draft-ietf-ldapext-ldapv3-vlv-09 §6.1; a contextID is none of ours, and is passed over.  Raises BerFault."""
    outer = Reader(value or b"")
    inside = outer.inside()
    outer.end()
    before, after = inside.integer(), inside.integer()
    if inside.tag == context(1):
        return View(before, after, value=inside.octets(context(1)))
    place = inside.inside(context(0, constructed=True))
    found = View(before, after, place.integer(), place.integer())
    place.end()
    return found


def view_control(code: Code, position: int = 0, count: int = 0) -> Control:
    """draft-ietf-ldapext-ldapv3-vlv-09 §6.2."""
    parts = ber.integer(position), ber.integer(count), ber.integer(code, ber.ENUMERATED)
    return Control(VIEW_RESPONSE, False, ber.sequence(parts))


def sort_control(code: Code, attribute: str = "") -> Control:
    """RFC 2891 §1.2."""
    parts = [ber.integer(code, ber.ENUMERATED)]
    if attribute:
        parts.append(ber.octets(attribute, context(0)))
    return Control(SORT_RESPONSE, False, ber.sequence(parts))


# Answers


@dataclass(frozen=True, slots=True)
class Result:
    code: Code
    text: str = ""
    matched: str = ""


SUCCESS = Result(Code.SUCCESS)


def write_result(
    message_id: int,
    answer: Answer,
    result: Result,
    *,
    controls: Iterable[Control] = (),
    sasl: bytes | None = None,
    oid: str = "",
    value: bytes | None = None,
) -> bytes:
    """``sasl``: serverSaslCreds of a bind; ``oid`` and ``value`` of an extended operation."""
    return _write(message_id, result_operation(answer, result, sasl=sasl, oid=oid, value=value), controls)


def result_operation(
    answer: Answer, result: Result, *, sasl: bytes | None = None, oid: str = "", value: bytes | None = None
) -> bytes:
    """Without its message's number."""
    parts = [ber.integer(result.code, ber.ENUMERATED), ber.octets(result.matched), ber.octets(result.text)]
    if sasl is not None:
        parts.append(ber.octets(sasl, context(7)))
    if oid:
        parts.append(ber.octets(oid, context(10)))
    if value is not None:
        parts.append(ber.octets(value, context(11)))
    return ber.sequence(parts, application(answer))


def write_entry(name: str, attributes: Iterable[tuple[str, Sequence[bytes]]]) -> bytes:
    """RFC 4511 §4.5.2, without its message's number; no values where only types were asked for."""
    parts: list[bytes] = []
    for kind, values in attributes:
        heads = _heads(kind)
        if len(values) == 1 and len(value := values[0]) < len(heads):  # as nearly all are
            parts += heads[len(value)], value
        elif len(values) < _FEW and sum(map(len, values)) < _SHORT:  # units, classes: they come again and again
            parts.append(_recurring(kind, tuple(values)))
        else:
            parts.append(_attribute(kind, values))
    listed, named = b"".join(parts), name.encode("utf-8")
    head, middle = ber.header_of(ber.OCTETS, len(named)), ber.header_of(ber.SEQUENCE, len(listed))
    whole = ber.header_of(_ENTRY, len(head) + len(named) + len(middle) + len(listed))
    return b"".join((whole, head, named, middle, listed))


def _attribute(name: str, values: Sequence[bytes]) -> bytes:
    written = ber.sequence((ber.octets(value) for value in values), ber.SET)
    return ber.sequence((ber.octets(name), written))


# Attributes of fewer values and octets are remembered, so many of them.
_FEW, _SHORT, _RECURRING = 10, 200, 2000


@lru_cache(_RECURRING)
def _recurring(name: str, values: tuple[bytes, ...]) -> bytes:
    return _attribute(name, values)


@lru_cache(500)
def _heads(name: str) -> tuple[bytes, ...]:
    """What stands before the one value of an attribute, by the value's length, as long as all lengths are one octet."""
    kind = ber.octets(name)
    return tuple(
        bytes((ber.SEQUENCE, len(kind) + 4 + length)) + kind + bytes((ber.SET, 2 + length, ber.OCTETS, length))
        for length in range(0x80 - 4 - len(kind))
    )


def numbered(message_id: int, operations: Sequence[bytes]) -> bytes:
    """Operations, as messages with this number."""
    number = ber.integer(message_id)
    extra = len(number)
    # the number stands between the header of each message and its operation
    return b"".join([ber.header_of(ber.SEQUENCE, extra + len(each)) + number + each for each in operations])


def write_notice(result: Result) -> bytes:
    """RFC 4511 §4.4.1: what the connection ends for."""
    return write_result(0, Answer.EXTENDED, result, oid=NOTICE_OF_DISCONNECTION)


def _write(message_id: int, operation: bytes, controls: Iterable[Control] = ()) -> bytes:
    parts = [ber.integer(message_id), operation]
    written = [_write_control(control) for control in controls]
    if written:
        parts.append(ber.sequence(written, _CONTROLS))
    return ber.sequence(parts)


def _write_control(control: Control) -> bytes:
    parts = [ber.octets(control.oid)]
    if control.critical:
        parts.append(ber.boolean(True))  # RFC 4511 §5.1: defaults are left out
    if control.value is not None:
        parts.append(ber.octets(control.value))
    return ber.sequence(parts)
