"""SPF against the published vectors for RFC 7208."""

from __future__ import annotations

import pytest

from security.spf import check_mail_from
from tests.security.spf_vectors import Vector, ZoneTable, vectors

VECTORS = vectors()


def test_the_suite_is_whole() -> None:
    assert len(VECTORS) > 150


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_the_published_vectors(vector: Vector) -> None:
    result = ZoneTable(vector.zone).run(check_mail_from(vector.client, vector.mail_from, vector.helo))
    assert result.status.value in vector.results, result
    if vector.explanation not in (None, "DEFAULT"):
        assert result.explanation == vector.explanation
    if vector.explanation == "DEFAULT":
        assert result.explanation == ""
