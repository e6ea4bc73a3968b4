"""Whose decryption keys are to be brought back is told so: when it is asked for, decided, and done (``keys.recovery``).

Told is marked after it is delivered: a process that dies in between tells once more, and nobody is left out.
"""

from __future__ import annotations

from directory.keys import recovery
from directory.keys.recovery import Recovery
from directory.mail.accounts import find_account
from mailserver.delivery import bounce
from mailserver.delivery.bounce import Report
from mailserver.delivery.notices import notice
from mailserver.delivery.post_office import PostOffice


def tell(office: PostOffice) -> int:
    """How many recoveries somebody was told of."""
    with office.directory.read() as people:
        news = [(each, _notice(office, each)) for each in recovery.untold(people)]
    for found, report in news:
        if report is not None:
            office.store.write(lambda tx, report=report: bounce.deliver(tx, [report])).result()  # type: ignore[misc]
        with office.directory.write() as conn:
            recovery.mark_told(conn, found)
    return len(news)


def _notice(office: PostOffice, found: Recovery) -> Report | None:
    """None for one who has left, who reads no mail."""
    with office.directory.read() as people:
        owner = recovery.owner_of(people, found)
        if owner.status == "closed":
            return None
        officers = [find_account(people, each) for each in (found.asked_by, found.approved_by) if each]
    state_vi, state_en = _STATES[found.state]
    values = {
        "id": found.id,
        "login": owner.login,
        "reason": found.reason,
        "state_vi": state_vi,
        "state_en": state_en,
        "by": ", ".join(each.login for each in officers if each is not None),
    }
    return notice(office, [owner.id], owner.login, _SUBJECT.format(**values), _TEXT.format(**values))


_STATES = {
    recovery.OPEN: ("đã được đề nghị", "was asked for"),
    recovery.APPROVED: ("đã được duyệt", "was approved"),
    recovery.REFUSED: ("đã bị từ chối", "was refused"),
    recovery.DONE: ("đã thực hiện xong", "was carried out"),
}
_SUBJECT = "Phục hồi khóa giải mã của bạn {state_vi} / A recovery of your decryption keys {state_en}"
_TEXT = """\
Việc phục hồi khóa giải mã của {login} {state_vi}.

  số: {id}
  lý do: {reason}
  cán bộ: {by}

Khóa ký của bạn không được lưu ký và không ai phục hồi được. Nếu bạn không biết về việc này, hãy báo ngay cho bộ phận
kiểm tra: mọi bước đều có trong nhật ký.

A recovery of the decryption keys of {login} {state_en} (number {id}; reason: {reason}; officers: {by}). Your signing
keys are in nobody's escrow. If you know nothing of this, tell your auditors at once: every step is on record.
"""
