"""Live servers for attacks that are known by name."""

from tests.mailserver.servers.conftest import city_template, clock, make_office, make_room, office, room

__all__ = ["city_template", "clock", "make_office", "make_room", "office", "room"]
