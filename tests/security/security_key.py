"""A security key made of software: what an authenticator does (W3C Web Authentication Level 2 §6), and what a browser
puts around it.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor
from fido2.cose import ES256

_PRESENT, _HAS_CREDENTIAL = 0x01, 0x40


def text(octets: bytes) -> str:
    return urlsafe_b64encode(octets).decode().rstrip("=")


class SoftKey:
    def __init__(self, credential_id: bytes = b"a key of software") -> None:
        self._private = ec.generate_private_key(ec.SECP256R1())
        self.credential_id = credential_id
        self.uses = 0

    def create(self, request: dict[str, Any], origin: str) -> str:
        """``navigator.credentials.create`` as the page's script sends it."""
        public = cbor.encode(dict(ES256.from_cryptography_key(self._private.public_key())))
        credential = bytes(16) + len(self.credential_id).to_bytes(2) + self.credential_id + public
        data = self._data(request["rp"]["id"], _PRESENT | _HAS_CREDENTIAL) + credential
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", request["challenge"], origin)
        return self._told(clientDataJSON=text(client), attestationObject=text(attestation))

    def get(self, request: dict[str, Any], origin: str) -> str:
        """``navigator.credentials.get``, likewise."""
        self.uses += 1
        data = self._data(request["rpId"], _PRESENT)
        client = self._client("webauthn.get", request["challenge"], origin)
        signature = self._private.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._told(clientDataJSON=text(client), authenticatorData=text(data), signature=text(signature))

    def _data(self, host: str, flags: int) -> bytes:
        return hashlib.sha256(host.encode()).digest() + bytes([flags]) + self.uses.to_bytes(4)

    @staticmethod
    def _client(kind: str, challenge: str, origin: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False}).encode()

    def _told(self, **response: str) -> str:
        name = text(self.credential_id)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})
