"""Whoever may approve a request is told that it waits, and who asked what became of it (``administration.approvals``).

Told is marked after it is delivered: a process that dies in between tells once more, and nobody is left out.
"""

from __future__ import annotations

import shlex

from directory.administration import approvals
from directory.administration.approvals import Request
from mailserver.delivery import bounce
from mailserver.delivery.bounce import Report
from mailserver.delivery.notices import notice
from mailserver.delivery.post_office import PostOffice

# Of those who may approve, the nearest so many.
_MOST_TOLD = 20


def tell(office: PostOffice) -> int:
    """How many requests somebody was told of."""
    with office.directory.read() as people:
        news = [
            (each, approvals.approvers(people, each)[:_MOST_TOLD] if each.state == "asked" else [each.account_id])
            for each in approvals.untold(people)
        ]
    for request, told in news:
        if told:
            report = _notice(office, request, told)
            office.store.write(lambda tx, report=report: bounce.deliver(tx, [report])).result()  # type: ignore[misc]
        with office.directory.write() as conn:
            approvals.mark_told(conn, request)
    return len(news)


def _notice(office: PostOffice, request: Request, told: list[str]) -> Report:
    vietnamese, english = _WAITS if request.state == "asked" else _DECIDED
    if request.state == "approved":
        vietnamese, english = vietnamese + _REPEAT[0], english + _REPEAT[1]
    details = "\n".join(f"  {name}: {_one_line(value)}" for name, value in request.details.items())
    values = {
        "id": request.id,
        "login": request.login,
        "operation": request.operation,
        "subject": request.subject,
        "reason": _one_line(request.reason) or "–",
        "details": details or "  –",
        "command": _one_line(shlex.join(request.command)) if request.command else "…",
        "by": request.decided_by or "–",
        "answer": _one_line(request.answer) or "–",
        "state_vi": _STATES[request.state][0],
        "state_en": _STATES[request.state][1],
    }
    to = f"postmaster@{office.config.city.domain}" if request.state == "asked" else request.login
    subject = _SUBJECTS[request.state == "asked"].format(**values)
    return notice(office, told, to, subject, f"{vietnamese}\n{english}".format(**values))


def _one_line(value: object) -> str:
    """What somebody typed must not look like what we say."""
    return " ".join("".join(each if each.isprintable() else " " for each in str(value)).split())


_STATES = {
    "asked": ("đang chờ", "waits"),
    "approved": ("đã được duyệt", "approved"),
    "done": ("đã được duyệt và thực hiện", "approved and done"),
    "declined": ("bị từ chối", "declined"),
    "expired": ("đã hết hạn", "expired"),
}
_SUBJECTS = {
    True: "Yêu cầu chờ duyệt / A request waits for approval: {operation} {subject}",
    False: "Yêu cầu {state_vi} / Your request, {state_en}: {operation} {subject}",
}
_WAITS = (
    """\
{login} đề nghị thực hiện {operation} đối với {subject} và cần người thứ hai duyệt.

  lý do: {reason}
  lệnh: {command}
{details}

Xem: citymail --as BẠN admin approval show {id}
Duyệt: citymail --as BẠN admin approval approve {id}
Từ chối: citymail --as BẠN admin approval decline {id}
""",
    """\
{login} asks to do {operation} to {subject}, which needs a second administrator (reason: {reason}). To look, to approve
or to decline: citymail --as YOU admin approval show|approve|decline {id}
""",
)
_DECIDED = (
    """\
Yêu cầu {id} của bạn ({operation} {subject}) {state_vi}. Người quyết định: {by}. Lý do: {answer}
""",
    """\
Your request {id} ({operation} {subject}): {state_en}, by {by}. Reason: {answer}
""",
)
_REPEAT = (
    """\
Hãy thực hiện lại đúng việc đó trong thời hạn của yêu cầu: citymail --as BẠN {command}
""",
    """\
Do the very same again before it expires: citymail --as YOU {command}
""",
)
