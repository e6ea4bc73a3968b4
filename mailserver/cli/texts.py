"""Everything the mail server's commands say: their own texts (``phrases``) beside the directory's, in one table."""

from __future__ import annotations

from dataclasses import dataclass

from directory.cli.texts import TEXTS, environment_language, help_text, text
from mailserver.cli.phrases import certificates, installation, keys, looking, mailboxes, queue

__all__ = ["Say", "environment_language", "help_text", "text"]

for _topic in (installation, queue, mailboxes, looking, certificates, keys):
    TEXTS.update(_topic.TEXTS)


@dataclass(frozen=True, slots=True)
class Say:
    """``say(key, …)``: a text with its values, in the language of the answer."""

    language: str

    def __call__(self, key: str, /, **values: object) -> str:
        return text(key, self.language).format(**values)
