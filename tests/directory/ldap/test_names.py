"""Distinguished names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.ldap import dn


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", ()),
        ("UID=jsmith,DC=example,DC=net", ((("UID", "jsmith"),), (("DC", "example"),), (("DC", "net"),))),
        # the examples of RFC 4514 §4
        ("OU=Sales+CN=J.  Smith,DC=x", ((("OU", "Sales"), ("CN", "J.  Smith")), (("DC", "x"),))),
        (r"CN=James \"Jim\" Smith\, III,DC=x", ((("CN", 'James "Jim" Smith, III'),), (("DC", "x"),))),
        (r"CN=Before\0dAfter,DC=x", ((("CN", "Before\rAfter"),), (("DC", "x"),))),
        ("1.3.6.1.4.1.1466.0=#04024869", ((("1.3.6.1.4.1.1466.0", "Hi"),),)),
        (r"CN=Lu\C4\8Di\C4\87", ((("CN", "Lučić"),),)),
        (r" cn = \ a\  , o = b ", ((("cn", " a "),), (("o", "b"),))),
    ],
)
def test_reads(text: str, name: dn.Dn) -> None:
    assert dn.parse(text) == name


@pytest.mark.parametrize(
    "text", ["cn", "=x", "cn=x,", "cn=a;b", 'cn="a"', "cn=\\", "cn=\\zz", "cn=#04", "cn=\\ff", "1=x"]
)
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(dn.DnFault):
        dn.parse(text)


def test_a_name_has_an_end() -> None:
    with pytest.raises(dn.DnFault):
        dn.parse(",".join(["o=x"] * 65))


@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from(["cn", "ou", "2.5.4.3"]), st.text(st.characters(exclude_categories=["Cs"]))),
            min_size=1,
            max_size=2,
        ).map(tuple),
        max_size=4,
    ).map(tuple)
)
def test_what_is_written_is_read_as_it_was(name: dn.Dn) -> None:
    assert dn.parse(dn.write(name)) == name


def test_names_are_compared_without_case_and_order() -> None:
    one, other = dn.parse("CN=Ấn +ou=X,dc=City"), dn.parse("ou=x+cn=ấn,DC=city")
    assert dn.folded(one) == dn.folded(other)
    assert dn.folded(one) != dn.folded(dn.parse("cn=an+ou=x,dc=city"))
