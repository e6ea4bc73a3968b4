"""What we rely on in aiosmtpd beyond its published interface.  A new version that changes it fails here, not in
production.
"""

from __future__ import annotations

import asyncio
import inspect
import ssl
from importlib.metadata import version

import aiosmtpd.smtp
import pytest

from mailserver.servers.mx import MxSession
from mailserver.servers.smtp import SmtpWire
from mailserver.servers.smtp_transaction import MailTransaction


def test_the_version_is_the_one_that_was_measured():
    assert version("aiosmtpd") == "1.4.6"


@pytest.fixture
def stock():
    """An instance made by aiosmtpd's own constructor."""

    async def make():
        return aiosmtpd.smtp.SMTP(object(), hostname="x", loop=asyncio.get_running_loop())

    return asyncio.run(make())


@pytest.mark.parametrize(
    "name",
    [
        "_handle_client",
        "_reset_timeout",
        "_timeout_cb",
        "_cb_client_connected",
        "_set_post_data_state",
        "_set_rset_state",
        "_create_envelope",
        "push",
        "data_received",
        "connection_made",
        "connection_lost",
        "eof_received",
    ],
)
def test_methods_that_we_override_or_call_exist(name):
    assert name in dir(aiosmtpd.smtp.SMTP)
    assert inspect.isroutine(getattr(aiosmtpd.smtp.SMTP, name))


def test_attributes_that_its_methods_use_are_set_by_ours(room, stock):
    made = room.call(lambda: MxSession(room.services, offers_tls=True))
    ours = set(vars(made))
    theirs = set(vars(stock))
    # Those of the parts that are replaced as a whole: AUTH, hooks, PROXY, its STARTTLS, its limits.
    replaced = {
        "__ident__",
        "event_handler",
        "data_size_limit",
        "enable_SMTPUTF8",
        "_decode_data",
        "require_starttls",
        "_timeout_duration",
        "_tls_handshake_okay",
        "_tls_protocol",
        "_original_transport",
        "_auth_require_tls",
        "_proxy_timeout",
        "_authenticator",
        "_auth_callback",
        "_auth_required",
        "_auth_methods",
        "_handle_hooks",
        "_ehlo_hook_ver",
        "_enforce_call_limit",
    }
    assert theirs - ours - replaced == set()


def test_the_methods_that_we_keep_touch_nothing_that_we_do_not_set(room):
    """``_set_rset_state``, ``_set_post_data_state`` and ``_cb_client_connected`` run as they are."""
    made = room.call(lambda: MxSession(room.services, offers_tls=True))
    made._set_rset_state()
    assert isinstance(made.envelope, MailTransaction)
    reader, writer = object(), object()
    made._cb_client_connected(reader, writer)
    assert (made._reader, made._writer) == (reader, writer)
    for name in ("_set_rset_state", "_set_post_data_state", "_cb_client_connected"):
        assert name not in vars(SmtpWire)


def test_no_verb_of_aiosmtpd_is_reachable():
    for verb, method in MxSession.VERBS.items():
        owner = next(cls for cls in MxSession.__mro__ if f"smtp_{verb}" in vars(cls))
        assert owner.__module__.startswith("mailserver."), verb
        assert method is getattr(MxSession, f"smtp_{verb}")


def test_stream_internals_are_where_we_look_for_them():
    async def look():
        reader = asyncio.StreamReader()
        assert isinstance(reader._buffer, bytearray)
        assert hasattr(reader, "_transport")
        protocol = asyncio.StreamReaderProtocol(reader, lambda *_: None)
        assert hasattr(protocol, "_over_ssl")
        assert hasattr(protocol, "_transport")

    asyncio.run(look())


def test_tls_is_the_loops_own(room):
    """aiosmtpd would build asyncio's SSLProtocol by hand, which costs ten times the memory under uvloop."""
    source = inspect.getsource(SmtpWire._start_tls)
    assert "loop.start_tls" in source
    assert isinstance(room.context, ssl.SSLContext)
