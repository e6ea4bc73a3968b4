"""Completing addresses from the city's directory while they are typed."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from directory.search import complete
from webmail.formatting import hue, initials
from webmail.heads import Person
from webmail.languages import _
from webmail.letters import write_people
from webmail.services import services

blueprint = Blueprint("people", __name__)

MOST = 8


@blueprint.get("/people")
def show() -> Response:
    """``[{name, address, detail, picture, insert}]``; ``insert`` is what goes into the field."""
    text = request.args.get("q", "").strip()[:100]
    if len(text) < 1:
        return jsonify([])
    with services().directory.read() as conn:
        found = complete(conn, text, MOST)
    kinds = {"group": _("Group"), "unit": _("Unit mailbox")}
    return jsonify(
        [
            {
                "name": each.name,
                "address": each.address,
                "detail": " · ".join(part for part in (kinds.get(each.kind, ""), each.title, each.unit) if part),
                "picture": {"letters": initials(each.name or each.address), "hue": hue(each.address)},
                "insert": write_people([Person(each.name, each.address)]),
            }
            for each in found
        ]
    )
