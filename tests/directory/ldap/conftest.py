"""Sessions of a staffed city."""

from __future__ import annotations

import pytest

from directory.ldap.messages import Code
from tests.directory.conftest import City, Clock
from tests.directory.ldap_city import PASSWORD, make_client, staff
from tests.directory.ldap_client import Client


@pytest.fixture
def staffed(city: City) -> City:
    staff(city)
    return city


@pytest.fixture
def any_staffed(any_city: City) -> City:
    staff(any_city)
    return any_city


@pytest.fixture
def stranger(staffed: City, clock: Clock) -> Client:
    return make_client(staffed, clock)


@pytest.fixture
def member(stranger: Client) -> Client:
    assert stranger.bind("annv@city.gov.vn", PASSWORD) is Code.SUCCESS
    return stranger
