"""Our MTA-STS policy, for other mail servers: under its own host name, to whoever asks.

Standards: RFC 8461 §3.2, §3.3.
"""

from __future__ import annotations

from flask import Blueprint, Response, abort, request

from mailserver.address import domain_to_ascii
from mailserver.delivery.own_sts import policy_of
from security.mta_sts import WELL_KNOWN, host_name, write_policy
from webmail.services import services

blueprint = Blueprint("mta_sts", __name__)


@blueprint.get(WELL_KNOWN)
def show() -> Response:
    config = services().config
    policy = policy_of(config)
    hosts = {host_name(domain_to_ascii(domain)) for domain in config.city.all_domains}
    if policy is None or request.host.partition(":")[0].lower() not in hosts:
        abort(404)
    return Response(write_policy(policy), content_type="text/plain; charset=utf-8")
