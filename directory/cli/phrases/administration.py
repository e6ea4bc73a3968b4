"""What ``citymail admin`` says."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "option.as": (
        "Act as this administrator; asks for the password (or CITYMAIL_ADMIN_PASSWORD, CITYMAIL_ADMIN_PASSWORD_FD).",
        "Thực hiện với tư cách quản trị viên này; hỏi mật khẩu (hoặc CITYMAIL_ADMIN_PASSWORD, …_FD).",
    ),
    "code.administrator": ("Code of the authenticator, or a recovery code", "Mã trên điện thoại, hoặc mã khôi phục"),
    "password.administrator": ("Password of {login}", "Mật khẩu của {login}"),
    "admin.help": (
        "Who administers what, and what two of them must agree on.",
        "Ai quản trị phạm vi nào, và việc gì cần hai người.",
    ),
    "admin.grant": (
        "Give somebody a role in a part of the city.",
        "Trao cho một người vai trò quản trị trong một phạm vi.",
    ),
    "admin.unit": (
        "Only in this unit and below it.  [default: the whole city]",
        "Chỉ trong đơn vị này và các đơn vị trực thuộc.  [mặc định: toàn thành phố]",
    ),
    "admin.attribute": ("Only this; may be repeated.", "Chỉ thuộc tính này; có thể lặp lại."),
    "admin.below-rank": (
        "Over people of lower protocol rank than this (1 is first).  [default: than his own]",
        "Chỉ đối với người có chức vụ thấp hơn thứ bậc này (1 là cao nhất).  [mặc định: thấp hơn chính người đó]",
    ),
    "admin.granted": ("{name} <{login}> is {role} ({id}).", "{name} <{login}> giữ vai trò {role} ({id})."),
    "admin.revoke": ("Take a delegation back, by its id.", "Thu hồi một ủy quyền theo mã."),
    "admin.revoked": ("{name} <{login}> is no longer {role}.", "{name} <{login}> thôi giữ vai trò {role}."),
    "admin.list": ("Everybody who administers something.", "Danh sách quản trị viên."),
    "admin.show": ("What one administers.", "Phạm vi quản trị của một người."),
    "admin.may": (
        "Whether somebody may do an operation to an official, a mailbox, a group or a unit, and why not.",
        "Một người có được thực hiện một việc đối với cán bộ, hộp thư, nhóm hoặc đơn vị không, và vì sao không.",
    ),
    "admin.may-yes": ("{login} may do {operation} to {subject}.", "{login} được {operation} {subject}."),
    "admin.may-no": ("{login} may not: {why}.", "{login} không được: {why}."),
    "admin.roles": ("The roles, what each may do, and what may be limited.", "Các vai trò và việc được làm."),
    "admin.attributes": ("Attributes: {names}", "Thuộc tính: {names}"),
    "approval.help": ("What waits for a second administrator.", "Những việc chờ người thứ hai duyệt."),
    "approval.list": ("Requests that wait, or that are approved and not done yet.", "Các yêu cầu đang chờ."),
    "approval.all": ("Those of the past too.", "Cả những yêu cầu đã xong."),
    "approval.approve": ("Approve a request of somebody else.", "Duyệt yêu cầu của người khác."),
    "approval.decline": ("Decline a request, or take back one's own.", "Từ chối, hoặc rút yêu cầu của mình."),
    "approval.approved": (
        "Approved: {login} may now do {operation} to {subject}, once.",
        "Đã duyệt: {login} được {operation} {subject}, một lần.",
    ),
    "approval.declined": ("Declined: {operation} {subject}.", "Đã từ chối: {operation} {subject}."),
    "approval.require": (
        "From now on an operation (mailbox.passwd, mailbox.share …) needs a second administrator.",
        "Từ nay một việc (mailbox.passwd, mailbox.share …) phải có người thứ hai duyệt.",
    ),
    "approval.from-rank": (
        "Only on people of this protocol rank and above.",
        "Chỉ đối với người có thứ bậc này trở lên.",
    ),
    "approval.waive": ("An operation no longer needs a second one.", "Một việc không cần người thứ hai nữa."),
    "approval.rules": ("The operations that need a second one.", "Các việc cần người thứ hai."),
    "approval.required": ("{operation} needs a second administrator.", "{operation} cần người thứ hai duyệt."),
    "approval.waived": ("{operation} needs nobody else.", "{operation} không cần người thứ hai."),
    "state.asked": ("waits", "đang chờ"),
    "state.declined": ("declined", "bị từ chối"),
    "state.done": ("done", "đã thực hiện"),
    "state.expired": ("expired", "hết hạn"),
    "column.role": ("role", "vai trò"),
    "column.attributes": ("only", "chỉ gồm"),
    "column.below_rank": ("below rank", "dưới thứ bậc"),
    "column.granted_by": ("granted by", "người trao"),
    "column.operation": ("operation", "việc"),
    "column.operations": ("operations", "các việc"),
    "column.asked_by": ("asked by", "người lập"),
    "column.decided_by": ("decided by", "người duyệt"),
    "column.expires": ("expires", "hết hạn"),
    "column.reason": ("reason", "lý do"),
    "column.from_rank": ("from rank", "từ thứ bậc"),
}
