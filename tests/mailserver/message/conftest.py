"""An IMAP reader of its own, so that what we render is judged by the grammar and not by the code that wrote it."""

from __future__ import annotations

import re

import pytest

_QUOTED = re.compile(rb'"((?:[^"\\\r\n\x00\x80-\xff]|\\["\\])*)"')
_NUMBER = re.compile(rb"[0-9]+")


class ImapReader:
    """RFC 9051 §9: nstring, number and parenthesised lists; then the shapes of envelope and body."""

    def parse(self, octets):
        """Lists as tuples, strings as bytes, numbers as int, NIL as None. Refuses anything else, and a rest."""
        value, end = self._value(octets, 0)
        assert end == len(octets), octets[end : end + 40]
        return value

    def _value(self, octets, place):
        # One loop and a stack: a deep structure must not need a deep reader.
        open_lists = []
        while True:
            if octets[place : place + 1] == b"(":
                open_lists.append([])
                place += 1
                continue
            if octets[place : place + 1] == b")":
                value, place = tuple(open_lists.pop()), place + 1
            elif match := _QUOTED.match(octets, place):
                value, place = re.sub(rb"\\(.)", rb"\1", match[1]), match.end()
            elif match := _NUMBER.match(octets, place):
                value, place = int(match[0]), match.end()
            else:
                assert octets[place : place + 3] == b"NIL", (place, octets[place : place + 40])
                value, place = None, place + 3
            if not open_lists:
                return value, place
            open_lists[-1].append(value)
            if octets[place : place + 1] == b" ":
                place += 1
                assert octets[place : place + 1] not in (b" ", b")"), place
            else:
                # Only lists may stand side by side without a blank: addresses and body parts.
                assert octets[place : place + 1] in (b"(", b")"), (place, octets[place : place + 40])

    def envelope(self, octets):
        value = self.parse(octets)
        self._check_envelope(value)
        return value

    def body(self, octets, *, extended=False):
        value = self.parse(octets)
        self._check_body(value, extended=extended)
        return value

    def _check_envelope(self, value):
        assert isinstance(value, tuple)
        assert len(value) == 10
        for place, item in enumerate(value):
            if 2 <= place <= 7:
                assert item is None or (isinstance(item, tuple) and item)
                for address in item or ():
                    assert len(address) == 4
                    assert all(field is None or isinstance(field, bytes) for field in address)
                    assert (address[3] is not None) or address[0] is None  # a group marker has no name
            else:
                assert item is None or isinstance(item, bytes)

    def _check_parameters(self, value):
        assert value is None or (isinstance(value, tuple) and value and len(value) % 2 == 0)
        assert all(isinstance(item, bytes) for item in value or ())

    def _check_extension(self, disposition, language, location):
        if disposition is not None:
            kind, parameters = disposition
            assert isinstance(kind, bytes)
            self._check_parameters(parameters)
        assert language is None or isinstance(language, bytes | tuple)
        assert location is None or isinstance(location, bytes)

    def _check_body(self, value, *, extended):
        waiting = [value]
        while waiting:
            body = waiting.pop()
            assert isinstance(body, tuple)
            if isinstance(body[0], tuple):
                parts = [item for item in body if isinstance(item, tuple)]
                count = next(place for place, item in enumerate(body) if not isinstance(item, tuple))
                waiting.extend(parts[:count])
                assert isinstance(body[count], bytes)
                extension = body[count + 1 :]
                if extended:
                    parameters, disposition, language, location = extension
                    self._check_parameters(parameters)
                    self._check_extension(disposition, language, location)
                else:
                    assert not extension
                continue
            kind, subtype, parameters, identifier, description, encoding, size, *rest = body
            assert isinstance(kind, bytes)
            assert isinstance(subtype, bytes)
            self._check_parameters(parameters)
            assert all(item is None or isinstance(item, bytes) for item in (identifier, description))
            assert isinstance(encoding, bytes)
            assert isinstance(size, int)
            if kind == b"text":
                assert isinstance(rest.pop(0), int)
            elif kind == b"message" and subtype in (b"rfc822", b"global"):
                self._check_envelope(rest.pop(0))
                waiting.append(rest.pop(0))
                assert isinstance(rest.pop(0), int)
            if extended:
                md5, disposition, language, location = rest
                assert md5 is None or isinstance(md5, bytes)
                self._check_extension(disposition, language, location)
            else:
                assert not rest


@pytest.fixture(scope="session")
def imap_reader():
    return ImapReader()
