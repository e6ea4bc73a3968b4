"""Why an administrator is refused: code → (kind, English, Vietnamese)."""

from __future__ import annotations

from directory.fault_texts.kinds import Texts

TEXTS: Texts = {
    "may-not-nobody": (
        "invalid",
        "{actor} administers nothing: {operation} {subject} is refused",
        "{actor} không phải quản trị viên: từ chối {operation} {subject}",
    ),
    "may-not-himself": (
        "invalid",
        "nobody administers himself: {operation} {subject} is refused",
        "không ai tự quản trị chính mình: từ chối {operation} {subject}",
    ),
    "may-not-ended": (
        "invalid",
        "the delegation of {actor} has ended: {operation} {subject} is refused",
        "ủy quyền của {actor} đã hết hạn: từ chối {operation} {subject}",
    ),
    "may-not-role": (
        "invalid",
        "the role of {actor} does not include {operation} ({subject})",
        "vai trò của {actor} không gồm {operation} ({subject})",
    ),
    "may-not-attribute": (
        "invalid",
        "the delegation of {actor} is limited to other attributes: {operation} {subject} is refused",
        "ủy quyền của {actor} chỉ gồm thuộc tính khác: từ chối {operation} {subject}",
    ),
    "may-not-subtree": (
        "invalid",
        "{subject} is not wholly in the part of the city that {actor} administers ({operation})",
        "{subject} không nằm trọn trong phạm vi quản trị của {actor} ({operation})",
    ),
    "may-not-rank": (
        "invalid",
        "{subject} is of the rank that {actor} may not administer ({operation})",
        "{subject} có chức vụ mà {actor} không được quản trị ({operation})",
    ),
    "may-not-standing": (
        "invalid",
        "{subject} administers as much as {actor} or more ({operation})",
        "{subject} có quyền quản trị ngang hoặc cao hơn {actor} ({operation})",
    ),
    "reason-missing": (
        "invalid",
        "{operation} {subject} needs a reason (--reason)",
        "{operation} {subject} phải có lý do (--reason)",
    ),
    "approval-needed": (
        "invalid",
        "{operation} {subject} needs a second administrator: request {request} waits for one"
        " (citymail admin approval show {request})",
        "{operation} {subject} cần người thứ hai duyệt: đã lập yêu cầu {request}"
        " (citymail admin approval show {request})",
    ),
    "approval-waiting": (
        "invalid",
        "request {request} waits for a second administrator",
        "yêu cầu {request} đang chờ người thứ hai duyệt",
    ),
    "approval-changed": (
        "invalid",
        "what the request {request} rests on has changed: nothing was done; it must be asked for anew",
        "căn cứ của yêu cầu {request} đã thay đổi: chưa thực hiện gì; phải lập yêu cầu mới",
    ),
    "approval-unknown": ("unknown", "there is no request {request}", "không có yêu cầu {request}"),
    "approval-state": (
        "invalid",
        "the request {request} is {state}",
        "yêu cầu {request} đang ở trạng thái {state}",
    ),
    "approval-author": (
        "invalid",
        "{actor} made this request; somebody else must approve it",
        "{actor} là người lập yêu cầu; phải do người khác duyệt",
    ),
    "delegation-unknown": ("unknown", "there is no delegation {delegation}", "không có ủy quyền {delegation}"),
    "delegation-beyond": (
        "invalid",
        "{actor} cannot give {subject} more than he has himself ({operation})",
        "{actor} không thể trao cho {subject} nhiều hơn quyền của mình ({operation})",
    ),
    "admin-sign-in": ("invalid", "wrong login or password", "sai tên đăng nhập hoặc mật khẩu"),
    "admin-none": ("invalid", "{login} administers nothing", "{login} không phải quản trị viên"),
}
