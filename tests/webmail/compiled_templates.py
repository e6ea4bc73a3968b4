"""Templates that one test compiled serve the next: for most tests, compiling them costs more than all else.

What a template becomes depends on its source, its language and whether it escapes, and on nothing else of an
application (``webmail.templating``).
"""

from __future__ import annotations

from hashlib import sha256
from types import CodeType

from flask import Flask
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket

from webmail.templating import Environment as WebmailEnvironment


class CompiledTemplates(BytecodeCache):
    def __init__(self) -> None:
        self._codes: dict[str, CodeType] = {}

    def get_bucket(self, environment: Environment, name: str, filename: str | None, source: str) -> Bucket:
        assert isinstance(environment, WebmailEnvironment)
        assert environment.constants is not None
        made_of = (name, filename, source, environment.constants.language, bool(environment.autoescape))
        bucket = Bucket(environment, sha256(repr(made_of).encode()).hexdigest(), "")
        bucket.code = self._codes.get(bucket.key)
        return bucket

    def set_bucket(self, bucket: Bucket) -> None:
        assert bucket.code is not None
        self._codes[bucket.key] = bucket.code


def share_templates() -> None:
    """From now on, between all applications of this process."""
    Flask.jinja_options = {"bytecode_cache": CompiledTemplates()}
