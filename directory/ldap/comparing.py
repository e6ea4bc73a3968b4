"""The compare operation.

Standards: RFC 4511 §4.10.
"""

from __future__ import annotations

from directory.database import Directory
from directory.ldap.filling import fill_in
from directory.ldap.filters import And, Equal
from directory.ldap.look_ups import Finder
from directory.ldap.messages import Code, Compare, Result, Search
from directory.ldap.places import BASE, NoSuchPlace
from directory.ldap.policy import Asker
from directory.ldap.schema import find_attribute
from directory.ldap.seen import judge, sight
from directory.ldap.walking import Walk

_TRUE = And(())  # RFC 4526


def compare(directory: Directory, finder: Finder, asker: Asker, request: Compare) -> Result:
    kind = find_attribute(request.attribute)
    if kind is None:
        return Result(Code.UNDEFINED_ATTRIBUTE_TYPE)
    if kind.equality is None:
        return Result(Code.INAPPROPRIATE_MATCHING)
    try:
        walk = Walk(directory, finder, Search(request.name, BASE, 1, 0, False, _TRUE, (kind.name,)), asker)
    except NoSuchPlace as fault:
        return fault.result
    for entry in walk.more(1):  # a base has one entry at most, which is looked at first
        with directory.read() as conn:
            fill_in(conn, [entry], (kind.key,), asker.id)
        if not sight(kind.key, asker)(entry):
            return Result(Code.NO_SUCH_ATTRIBUTE)
        found = judge(Equal(request.attribute, request.value), asker)(entry)
        if found is None:
            return Result(Code.INAPPROPRIATE_MATCHING, "Not a value of this attribute")
        return Result(Code.COMPARE_TRUE if found else Code.COMPARE_FALSE)
    return Result(Code.NO_SUCH_OBJECT)
