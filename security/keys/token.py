"""The installation's key in a token: an HSM, or SoftHSM, behind PKCS#11.  It is made there and never leaves.

Standards: PKCS #11 v2.40 (CKM_AES_GCM); NIST SP 800-38D.
Limits: a session belongs to the process that opened it, and to one thread at a time: open it after forking.
"""

from __future__ import annotations

import os
from threading import Lock
from typing import Any

from security.authority.key_kinds import KeyFault
from security.authority.tokens import open_session
from security.keys.wrapping import WrappingFault, context

_BITS = 256
_NONCE = 12
_TAG_BITS = 128
_FORM = b"\x04"


class TokenKey:
    """A Wrapper."""

    def __init__(self, key: Any) -> None:
        self._key = key
        self._one_at_a_time = Lock()

    def wrap(self, secret: bytes, *bound: str) -> bytes:
        nonce = os.urandom(_NONCE)
        return _FORM + nonce + self._do("encrypt", secret, nonce, bound)

    def unwrap(self, wrapped: bytes, *bound: str) -> bytes:
        """Raises WrappingFault."""
        if wrapped[:1] != _FORM:
            raise WrappingFault("not wrapped by a token")
        return self._do("decrypt", wrapped[1 + _NONCE :], wrapped[1 : 1 + _NONCE], bound)

    def _do(self, what: str, octets: bytes, nonce: bytes, bound: tuple[str, ...]) -> bytes:
        import pkcs11

        parameters = pkcs11.GCMParams(nonce, context(bound), _TAG_BITS)
        try:
            with self._one_at_a_time:
                return bytes(
                    getattr(self._key, what)(octets, mechanism=pkcs11.Mechanism.AES_GCM, mechanism_param=parameters)
                )
        except pkcs11.PKCS11Error as fault:
            told = f"the token refuses, or this was wrapped under another key: {type(fault).__name__}"
            raise WrappingFault(told) from None


def open_token_key(module: str, pin: str, token: str, label: str) -> TokenKey:
    """Raises KeyFault."""
    import pkcs11

    try:
        found = open_session(module, pin, token).get_key(object_class=pkcs11.ObjectClass.SECRET_KEY, label=label)
    except pkcs11.PKCS11Error as fault:
        raise KeyFault(f"the token {token} has no key {label}: {type(fault).__name__}") from None
    return TokenKey(found)


def make_token_key(module: str, pin: str, token: str, label: str) -> TokenKey:
    """The same, made if there is none: by whoever founds something new.  Raises KeyFault."""
    import pkcs11

    opened = open_session(module, pin, token)
    try:
        if list(opened.get_objects({pkcs11.Attribute.LABEL: label})):
            return open_token_key(module, pin, token, label)
        kept = {pkcs11.Attribute.SENSITIVE: True, pkcs11.Attribute.EXTRACTABLE: False}
        return TokenKey(opened.generate_key(pkcs11.KeyType.AES, _BITS, label=label, store=True, template=kept))
    except pkcs11.PKCS11Error as fault:
        raise KeyFault(f"the token {token} makes no such key: {type(fault).__name__}") from None
