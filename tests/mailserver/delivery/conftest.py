"""A mailroom for every test that wants one."""

from tests.mailserver.mailroom_fixtures import city_template, clock, make_office, office  # noqa: F401
