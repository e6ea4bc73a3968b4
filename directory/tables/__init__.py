"""The directory's tables, for SQLite and PostgreSQL alike.

Identifiers of units, people and accounts are opaque text and never used again.  Dates are ISO text
(``2025-07-01``), which sorts and compares the same on both engines; ``valid_until`` is the last day on which
a row holds. Moments are epoch seconds.  Text marked folded went through ``names.fold``.

On PostgreSQL the tables live in a schema of their own, ``directory``, found by the search path.
"""

from directory.tables.accounts import (
    absence,
    account,
    address,
    app_password,
    app_password_use,
    hidden_capability,
    identity,
    label,
    letter_template,
    mailbox_post,
    mailbox_right,
    picture_sender,
    preference,
    recovery_code,
    saved_search,
    scram_verifier,
    second_factor,
    second_factor_use,
)
from directory.tables.administration import approval_request, approval_rule, delegation
from directory.tables.certificates import (
    certificate,
    certificate_address,
    fetched_crl,
    issuer,
    issuer_crl,
    known_authority,
    trust_anchor,
)
from directory.tables.columns import metadata
from directory.tables.contacts import contact, contact_group
from directory.tables.correspondents import correspondent
from directory.tables.groups import (
    group_account,
    group_moderator,
    group_nested,
    group_outside,
    group_poster,
    group_poster_group,
    group_poster_unit,
    group_rule,
    mail_group,
)
from directory.tables.keys import (
    account_key,
    escrowed_key,
    key_level,
    key_pair,
    key_recovery,
    private_key,
    recovery_key,
)
from directory.tables.leaving import custody, departure
from directory.tables.people import appointment, person, person_photo, position, stale_person
from directory.tables.plans import plan, plan_change
from directory.tables.searching import search_entry, search_word
from directory.tables.security_keys import security_key, security_key_challenge, security_key_use
from directory.tables.service import audit_record, dkim_key, domain, state, web_session
from directory.tables.units import unit, unit_succession, unit_type, unit_version

__all__ = [
    "absence",
    "account",
    "account_key",
    "address",
    "app_password",
    "app_password_use",
    "appointment",
    "approval_request",
    "approval_rule",
    "audit_record",
    "certificate",
    "certificate_address",
    "contact",
    "contact_group",
    "correspondent",
    "custody",
    "delegation",
    "departure",
    "dkim_key",
    "domain",
    "escrowed_key",
    "fetched_crl",
    "group_account",
    "group_moderator",
    "group_nested",
    "group_outside",
    "group_poster",
    "group_poster_group",
    "group_poster_unit",
    "group_rule",
    "hidden_capability",
    "identity",
    "issuer",
    "issuer_crl",
    "key_level",
    "key_pair",
    "key_recovery",
    "known_authority",
    "label",
    "letter_template",
    "mail_group",
    "mailbox_post",
    "mailbox_right",
    "metadata",
    "person",
    "person_photo",
    "picture_sender",
    "plan",
    "plan_change",
    "position",
    "preference",
    "private_key",
    "recovery_code",
    "recovery_key",
    "saved_search",
    "scram_verifier",
    "search_entry",
    "search_word",
    "second_factor",
    "second_factor_use",
    "security_key",
    "security_key_challenge",
    "security_key_use",
    "stale_person",
    "state",
    "trust_anchor",
    "unit",
    "unit_succession",
    "unit_type",
    "unit_version",
    "web_session",
]
