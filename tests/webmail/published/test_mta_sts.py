"""Our own MTA-STS policy, as other mail servers fetch it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from mailserver.config import Config, MtaSts
from mailserver.delivery.own_sts import policy_of, record_of
from security.mta_sts import Mode, Policy, read_policy, read_record
from tests.webmail import town_hall
from tests.webmail.town_hall import DOMAIN
from webmail import create_app

HOST = f"mta-sts.{DOMAIN}"
PATH = "/.well-known/mta-sts.txt"


def client(folder: Path, **settings: Any) -> FlaskClient:
    return create_app(town_hall.build(folder, mta_sts=settings).services).test_client()


def test_whoever_asks_gets_it(tmp_path: Path) -> None:
    response = client(tmp_path, mode="enforce").get(PATH, base_url=f"https://{HOST}")
    assert response.status_code == 200
    assert response.mimetype == "text/plain"
    assert read_policy(response.data) == Policy(Mode.ENFORCE, (f"mail.{DOMAIN}",), 604_800)
    assert "Set-Cookie" not in response.headers


def test_hosts_of_ones_own(tmp_path: Path) -> None:
    hosts = ("mx1.khac.example", "*.khac.example")
    response = client(tmp_path, mode="testing", hosts=hosts).get(PATH, base_url=f"https://{HOST}:8443")
    assert read_policy(response.data).hosts == hosts


@pytest.mark.parametrize(
    ("mode", "host"),
    [("none", HOST), ("enforce", f"mail.{DOMAIN}"), ("enforce", "mta-sts.khac.example")],
)
def test_nothing_where_there_is_none(tmp_path: Path, mode: str, host: str) -> None:
    assert client(tmp_path, mode=mode).get(PATH, base_url=f"https://{host}").status_code == 404


def test_the_record_changes_with_the_policy() -> None:
    ids = set()
    for settings in (MtaSts("testing"), MtaSts("enforce"), MtaSts("enforce", max_age=86_400)):
        policy = policy_of(Config(mta_sts=settings))
        assert policy is not None
        assert record_of(policy) == record_of(policy)
        ids.add(read_record([record_of(policy).encode()]))
    assert len(ids - {None}) == 3
