"""What the doctor makes of files and of the machine."""

from __future__ import annotations

import shutil
import time
from collections import namedtuple
from datetime import UTC, datetime, timedelta

import pytest

from mailserver.doctor import machine
from mailserver.doctor.certificate import check_certificate, read_chain
from mailserver.doctor.verdicts import Grade
from security.authority import ensure_certificate

HOST = "mail.city.vn"
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return ensure_certificate(tmp_path_factory.mktemp("tls"), [HOST], NOW)


def codes(files, names=(HOST,), now=NOW, **more):
    return [each.code for each in check_certificate(files.certificate, files.key, names, now, **more)]


def test_a_certificate_that_others_believe(files):
    good = ["certificate.lasts", "certificate.strong", "certificate.bears", "certificate.believed"]
    assert codes(files, authorities=files.ca_file) == good
    assert codes(files)[-1] == "certificate.unbelieved"  # no machine trusts our own authority


def test_names_that_it_lacks(files):
    found = check_certificate(files.certificate, files.key, [HOST, "mta-sts.city.vn"], NOW, authorities=files.ca_file)
    assert [each.code for each in found][2:] == ["certificate.names", "certificate.believed"]
    assert found[2].values["names"] == "mta-sts.city.vn"


def test_a_chain_without_the_intermediate_is_found(files, tmp_path):
    """The file's second certificate is the one that the clients' authorities do not have."""
    alone = tmp_path / "alone.pem"
    octets = files.certificate.read_bytes()
    alone.write_bytes(octets[: octets.index(b"-----END CERTIFICATE-----") + 26])
    assert len(read_chain(alone)) == 1
    assert [each.code for each in check_certificate(alone, files.key, [HOST], NOW)][-1] == "certificate.unbelieved"


@pytest.mark.parametrize(
    "days, found",
    [(0, "certificate.lasts"), (390, "certificate.ends-soon"), (398, "certificate.ended"), (-400, "certificate.early")],
)
def test_dates(files, days, found):
    assert codes(files, now=NOW + timedelta(days=days), authorities=files.ca_file)[0] == found


def test_what_cannot_be_used(files, tmp_path):
    assert [each.code for each in check_certificate(tmp_path / "no.pem", files.key, [HOST], NOW)] == [
        "certificate.unusable"
    ]
    other = ensure_certificate(tmp_path / "other", [HOST], NOW)
    assert [each.code for each in check_certificate(files.certificate, other.key, [HOST], NOW)] == [
        "certificate.unusable"
    ]
    empty = tmp_path / "empty.pem"
    empty.touch()
    assert [each.code for each in check_certificate(empty, files.key, [HOST], NOW)] == ["certificate.unusable"]


Usage = namedtuple("Usage", "total used free")
GIB = 1024**3


@pytest.mark.parametrize(
    "free, grade", [(50 * GIB, Grade.GOOD), (14 * GIB, Grade.WARNING), (4 * GIB, Grade.BAD), (GIB // 2, Grade.BAD)]
)
def test_room_on_the_disk(monkeypatch, tmp_path, free, grade):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100 * GIB, 0, free))
    assert machine.check_disk(tmp_path).grade is grade


def test_secrets_that_others_can_read(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_is_shut", lambda _: False)  # pytest's own folders may be closed to others
    path = tmp_path / "secret.key"
    path.touch()
    for mode, found in ((0o600, "secret.kept"), (0o640, "secret.kept"), (0o644, "secret.open"), (0o660, "secret.open")):
        path.chmod(mode)
        assert [each.code for each in machine.check_secrets([path, tmp_path / "none"])] == [found]


def test_a_closed_folder_keeps_what_is_in_it(tmp_path):
    folder = tmp_path / "closed"
    folder.mkdir()
    path = folder / "secret.key"
    path.touch()
    path.chmod(0o666)
    folder.chmod(0o700)
    assert [each.code for each in machine.check_secrets([path])] == ["secret.kept"]


def test_the_clock_is_asked_and_not_set():
    before = time.clock_gettime(time.CLOCK_REALTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
    assert all(each.code in ("clock.kept", "clock.alone") for each in machine.check_clock())
    after = time.clock_gettime(time.CLOCK_REALTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
    assert abs(after - before) < 5
