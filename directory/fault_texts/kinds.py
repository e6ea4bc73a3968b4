"""What a text of a fault is made of."""

from __future__ import annotations

from typing import Literal

Kind = Literal["unknown", "exists", "invalid", "in-use"]
# code → (kind, English, Vietnamese)
Texts = dict[str, tuple[Kind, str, str]]
