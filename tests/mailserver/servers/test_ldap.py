"""What the LDAP server makes of its configuration."""

from __future__ import annotations

from directory.ldap.schema import ATTRIBUTES
from mailserver.config import Ldap
from mailserver.config.ldap import ATTRIBUTES as NAMED
from mailserver.servers.ldap import policy_of


def test_every_attribute_of_the_schema_can_be_named() -> None:
    assert sorted(NAMED) == sorted(
        kind.name for kind in ATTRIBUTES if not kind.is_operational and kind.name != "objectClass"
    )
    policy_of(Ldap(anonymous_attributes=NAMED, private_attributes=NAMED))


def test_nobody_is_nobody() -> None:
    policy = policy_of(Ldap(access="nobody", anonymous_attributes=("cn",)))
    assert not policy.members_see
    assert not policy.anonymous
    assert policy_of(Ldap(anonymous_attributes=("cn", "givenName"))).anonymous == {"cn", "givenname"}
    assert policy_of(Ldap()).private == {"employeenumber"}
