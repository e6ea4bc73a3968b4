"""Other people's programs: found, or named with the Debian package that brings them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

DEBIAN_PACKAGES = {
    "swaks": "swaks",
    "curl": "curl",
    "mbsync": "isync",
    "neomutt": "neomutt",
    "msmtp": "msmtp",
    "openssl": "openssl",
    "gsasl": "gsasl",
    "postfix": "postfix",
    "smtp-source": "postfix",
    "smtp-sink": "postfix",
    "ldapsearch": "ldap-utils",
    "ldapwhoami": "ldap-utils",
    "ldapcompare": "ldap-utils",
    "ldapdelete": "ldap-utils",
    "postmap": "postfix-ldap",
    "/usr/bin/python3": "python3-ldap python3-bonsai",
    "clamd": "clamav-daemon",
    "rspamd": "rspamd",
    "opendkim": "opendkim",
    "unbound": "unbound",
    "opendkim-testmsg": "opendkim-tools",
    "cmsutil": "libnss3-tools",
    "certutil": "libnss3-tools",
    "pk12util": "libnss3-tools",
    "certtool": "gnutls-bin",
    "gpgsm": "gpgsm",
    "gpgconf": "gpgconf",
}


def find(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        pytest.fail(f"{program} is not installed: apt-get install {DEBIAN_PACKAGES[program]}", pytrace=False)
    return path


def run(
    program: str,
    *arguments: object,
    home: Path,
    octets: bytes = b"",
    status: int | tuple[int, ...] = 0,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run it away from the settings of whoever runs the tests; all that it said."""
    done = subprocess.run(
        [find(program), *map(str, arguments)],
        input=octets,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", **(environment or {})},
        cwd=home,
        timeout=60,
        check=False,
    )
    said = done.stdout.decode("utf-8", "replace")
    expected = (status,) if isinstance(status, int) else status
    if done.returncode not in expected:
        command = " ".join([program, *map(str, arguments)])
        raise AssertionError(f"{command}\nended with {done.returncode}, not {status}:\n{said}")
    return said
