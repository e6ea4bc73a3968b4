"""The key process: whether it answers, and whom it holds keys for.

Limits: whether the installation's key opens what lies under it is the process's own to find out: its log says so.
"""

from __future__ import annotations

from pathlib import Path

from directory.database import Reading
from directory.keys.standing import count
from mailserver.config import Config
from mailserver.doctor.verdicts import Verdict, bad, good
from mailserver.key_process import key_file, key_process, socket_path
from mailserver.servers.keys import HANDED
from security.authority.key_places import in_token


def check_keys(config: Config, directory: Reading) -> list[Verdict]:
    """Nothing where the installation uses none."""
    if not config.pki.enrol:
        return []
    place = str(socket_path(config))
    if not key_process(config).is_there():
        return [bad("keys.silent", place)]
    found = count(directory)
    return [good("keys.answers", place, managed=found.managed, sealed=found.sealed)]


def key_files(config: Config) -> list[Path]:
    """Of the installation's key, now and before; one in a token, or that systemd opens, is none."""
    places = config.pki.wrapping_key, config.pki.former_wrapping_key
    return [key_file(config, each) for each in places if each and each != HANDED and not in_token(each)]
