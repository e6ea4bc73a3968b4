"""``citymail dkim`` as it is installed, with a name server that has what was printed in its zone."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from mailserver.cli import main
from mailserver.config import load, render
from mailserver.installation import install
from tests.mailserver.servers.far_away import NameServer


@pytest.fixture
def name_server():
    server = NameServer({}, secure=("city.vn",))
    yield server
    server.close()


@pytest.fixture
def citymail(tmp_path, name_server):
    path = tmp_path / "citymail.toml"
    values = {
        "city": {"domain": "city.vn", "hostname": "mail.city.vn"},
        "storage": {"data": str(tmp_path)},
        "tls": {"certificate": str(tmp_path / "tls/server.pem"), "key": str(tmp_path / "tls/server.key")},
        "dns": {"resolvers": [name_server.address], "timeout": 5},
    }
    path.write_text(render(values), encoding="utf-8")
    install(load(path))

    def run(*arguments, status=0):
        environment = {"CITYMAIL_CONFIG": str(path), "CITYMAIL_LANG": "en"}
        result = CliRunner().invoke(main, ["dkim", *arguments], env=environment)
        assert result.exit_code == status, result.output
        return result.output

    return run


def test_the_lines_for_the_zone_are_what_the_check_wants(citymail, name_server):
    lines = citymail("key", "make", "city.vn").splitlines()[1:]
    assert [entry["dns"] for entry in json.loads(citymail("check", "--json"))] == ["missing", "missing"]
    for line in lines:
        name, text = line.split(". IN TXT ", 1)
        # as a name server reads it: strings in quotes, none longer than 255 octets
        name_server.records[(name, "TXT")] = [text.strip("( )")]
    assert [entry["dns"] for entry in json.loads(citymail("check", "--json"))] == ["right", "right"]
    assert citymail("rotate").count("signs from now on.") == 2
    assert "signs from now on." not in citymail("rotate")
    rsa = lines[0].split(". IN TXT ")[0]
    name_server.records[(rsa, "TXT")] = ['"v=DKIM1; p="']
    assert "fails everywhere" in citymail("rotate", status=1)
    name_server.records[(rsa, "TXT")] = "SERVFAIL"
    assert "no answer" in citymail("check", status=1)
