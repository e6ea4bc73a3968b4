"""Tokens of an issuer: which are good, and the ways to forge one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from security.tokens import KEYS_LIFE, KEYS_PAUSE, LEEWAY, TokenJudge, TokenRefused

ISSUER, AUDIENCE = "https://sso.example/city", "citymail"
NOW = 1_772_413_200.0
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()


def jwk(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    public = key.public_key()
    maker: Any = {
        rsa.RSAPrivateKey: RSAAlgorithm, ec.EllipticCurvePrivateKey: ECAlgorithm,
        ed25519.Ed25519PrivateKey: OKPAlgorithm,
    }[next(kind for kind in (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey)
           if isinstance(key, kind))]  # fmt: skip
    return {**maker.to_jwk(public, as_dict=True), "kid": kid, **more}


KEYS = {"keys": [jwk(RSA, "r"), jwk(EC, "e"), jwk(ED, "d"), {"kty": "oct", "k": "c2VjcmV0", "kid": "o"}]}
SIGNERS: dict[str, tuple[Any, str]] = {"r": (RSA, "RS256"), "e": (EC, "ES256"), "d": (ED, "EdDSA")}


class Issuer:
    def __init__(self) -> None:
        self.keys: Any = KEYS
        self.reads = 0
        self.now = 0.0

    def read(self) -> bytes:
        self.reads += 1
        if isinstance(self.keys, OSError):
            raise self.keys
        return json.dumps(self.keys).encode()


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def judge(issuer: Issuer) -> TokenJudge:
    return TokenJudge(
        issuer=ISSUER,
        audience=AUDIENCE,
        claim="email",
        read_keys=issuer.read,
        clock=lambda: NOW,
        monotonic=lambda: issuer.now,
    )


def token(kid: str = "r", headers: dict[str, Any] | None = None, **claims: Any) -> str:
    key, algorithm = SIGNERS[kid]
    told = {"iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 300, "email": "an@city.vn"} | claims
    told = {name: value for name, value in told.items() if value is not None}
    return jwt.encode(told, key, algorithm=algorithm, headers={"kid": kid} | (headers or {}))


@pytest.mark.parametrize("kid", sorted(SIGNERS))
def test_good_tokens(judge: TokenJudge, kid: str) -> None:
    found = judge.judge(token(kid, nbf=NOW - 10, aud=["other", AUDIENCE]))
    assert (found.address, found.expires) == ("an@city.vn", NOW + 300)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://sso.example/other"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"exp": None},
        {"exp": NOW - LEEWAY},
        {"nbf": NOW + LEEWAY + 1},
        {"email": None},
        {"email": ["an@city.vn"]},
        {"email": ""},
        {"email_verified": False},
    ],
)
def test_what_a_token_must_say(judge: TokenJudge, claims: dict[str, Any]) -> None:
    with pytest.raises(TokenRefused):
        judge.judge(token(**claims))


def test_clocks_may_differ_a_little(judge: TokenJudge) -> None:
    assert judge.judge(token(exp=NOW - LEEWAY + 1, nbf=NOW + LEEWAY)).address == "an@city.vn"


def unsigned(header: dict[str, Any], signature: Callable[[bytes], bytes] = lambda _: b"") -> str:
    def part(value: Any) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    claims = {"iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 300, "email": "an@city.vn"}
    text = part(header) + b"." + part(claims)
    return (text + b"." + base64.urlsafe_b64encode(signature(text)).rstrip(b"=")).decode()


def test_no_signature_and_confused_algorithms(judge: TokenJudge) -> None:
    public = RSA.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    forged = [
        unsigned({"alg": "none", "kid": "r"}),
        unsigned({"alg": "NONE", "kid": "r"}),
        unsigned({"kid": "r"}),
        # the public key taken for a shared secret
        unsigned({"alg": "HS256", "kid": "r"}, lambda text: hmac.digest(public, text, hashlib.sha256)),
        # the symmetric key in the set must never count
        unsigned({"alg": "HS256", "kid": "o"}, lambda text: hmac.digest(b"secret", text, hashlib.sha256)),
        token("r", {"kid": "e"}),
        token("r", {"kid": "nobody"}),
        token("r", {"crit": ["x"], "x": 1}),
        token("r")[:-8] + "AAAAAAAA",
        jwt.encode({"iss": ISSUER}, "x" * 32, algorithm="HS256"),
        "",
        "a.b.c",
        "x" * 10_000,
        token() + ".x",
    ]
    for each in forged:
        with pytest.raises(TokenRefused):
            judge.judge(each)


def test_keys_that_must_not_count(judge: TokenJudge, issuer: Issuer) -> None:
    short = rsa.generate_private_key(65537, 1024)
    for key in (
        jwk(RSA, "r", use="enc"),
        jwk(RSA, "r", alg="RS512"),
        {"kty": "RSA", "kid": "r"},
        "not a key",
        jwk(short, "r"),
    ):
        issuer.keys = {"keys": [key]}
        issuer.now += KEYS_LIFE + 1
        with pytest.raises(TokenRefused):
            judge.judge(token())


def test_keys_are_rotated(judge: TokenJudge, issuer: Issuer) -> None:
    issuer.keys = {"keys": [jwk(EC, "e")]}
    assert judge.judge(token("e")).address == "an@city.vn"
    for _ in range(5):
        judge.judge(token("e"))
    assert issuer.reads == 1
    # a new key is found soon, and not asked for at every guess
    issuer.keys = {"keys": [jwk(RSA, "r")]}
    with pytest.raises(TokenRefused):
        judge.judge(token("r"))
    assert issuer.reads == 1
    issuer.now += KEYS_PAUSE + 1
    assert judge.judge(token("r")).address == "an@city.vn"
    with pytest.raises(TokenRefused):
        judge.judge(token("e"))
    # what cannot be read changes nothing
    issuer.keys = OSError("gone")
    issuer.now += KEYS_LIFE + 1
    assert judge.judge(token("r")).address == "an@city.vn"
    issuer.keys = []
    issuer.now += KEYS_LIFE + 1
    assert judge.judge(token("r")).address == "an@city.vn"


def test_a_key_without_a_name_serves_alone(judge: TokenJudge, issuer: Issuer) -> None:
    single = jwk(ED, "d")
    del single["kid"]
    issuer.keys = {"keys": [single]}
    told = {"iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 300, "email": "an@city.vn"}
    assert judge.judge(jwt.encode(told, ED, algorithm="EdDSA")).address == "an@city.vn"
