"""``tls-exporter``: the channel binding of TLS 1.3, by OpenSSL itself, since Python's ``ssl`` has no call for it.

The connection's ``SSL *`` stands in Python's own object right before its context.  It is used only where that can be
seen to be so: the object is of the type that we know, the pointer behind it is the very context of the connection, and
OpenSSL answers to it with the same version of TLS as Python does.  Anywhere else this says None, and
SCRAM-SHA-256-PLUS is not offered (decision 0007).

Standards: RFC 9266 §4 (label, empty context, 32 octets), RFC 8446 §7.5, RFC 5705.
"""

from __future__ import annotations

import ctypes
import ssl
import sys
from functools import lru_cache
from typing import Any

_LABEL = b"EXPORTER-Channel-Binding"
_LENGTH = 32
# typedef struct { PyObject_HEAD; PyObject *Socket; SSL *ssl; PySSLContext *ctx; ... } PySSLSocket;
_SSL = object.__basicsize__ + ctypes.sizeof(ctypes.c_void_p)
_CONTEXT = _SSL + ctypes.sizeof(ctypes.c_void_p)
_END = _CONTEXT + ctypes.sizeof(ctypes.c_void_p)


def exporter(tls: ssl.SSLObject) -> bytes | None:
    """The binding of a connection of TLS 1.3; None where it cannot be had."""
    library = _library()
    if library is None or tls.version() != "TLSv1.3":
        return None
    inner: Any = tls._sslobj  # type: ignore[attr-defined]  # noqa: SLF001
    if type(inner).__name__ != "_SSLSocket" or type(inner).__basicsize__ < _END:
        return None
    if ctypes.c_void_p.from_address(id(inner) + _CONTEXT).value != id(tls.context):
        return None
    connection = ctypes.c_void_p.from_address(id(inner) + _SSL)
    if library.SSL_get_version(connection) != b"TLSv1.3":
        return None
    out = ctypes.create_string_buffer(_LENGTH)
    if library.SSL_export_keying_material(connection, out, _LENGTH, _LABEL, len(_LABEL), b"", 0, 1) != 1:
        return None
    return out.raw


@lru_cache(maxsize=1)
def _library() -> ctypes.PyDLL | None:
    """The OpenSSL that Python's ``ssl`` was linked with; PyDLL: the interpreter's lock is held meanwhile."""
    path: str | None = getattr(sys.modules.get("_ssl"), "__file__", None)
    if sys.implementation.name != "cpython" or path is None:
        return None
    try:
        library = ctypes.PyDLL(path)
        library.SSL_get_version.argtypes = [ctypes.c_void_p]
        library.SSL_get_version.restype = ctypes.c_char_p
        library.SSL_export_keying_material.argtypes = [
            ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t,
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int,
        ]  # fmt: skip
        library.SSL_export_keying_material.restype = ctypes.c_int
    except (OSError, AttributeError):
        return None
    return library
