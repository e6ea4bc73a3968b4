"""What is said of leaving, and of the mail that is left behind."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "leaving.custodian": (
        "Who reads the mail that is left.  [default: the head of the unit]",
        "Người được giao đọc thư để lại.  [mặc định: người đứng đầu đơn vị]",
    ),
    "leaving.custody-days": ("For how many days the mail is read.", "Được đọc thư trong bao nhiêu ngày."),
    "leaving.undo": (
        "Take an order to leave back, also one that was carried out: everything is as before.",
        "Hủy lệnh nghỉ, kể cả lệnh đã thực hiện: mọi thứ trở lại như trước.",
    ),
    "leaving.undo-closing": (
        "Open a mailbox again that was closed by mistake: everything is as before.",
        "Mở lại hộp thư đã đóng nhầm: mọi thứ trở lại như trước.",
    ),
    "leaving.reopened": ("{login} is open again.", "Đã mở lại {login}."),
    "leaving.list": ("Who is to leave, and when.", "Những người sắp nghỉ và ngày nghỉ."),
    "leaving.handover": (
        "What somebody holds that others take over, or held until he left: posts, addresses, mailboxes, groups, "
        "administration, custody.",
        "Những gì một người đang giữ (hoặc đã giữ đến khi nghỉ) cần bàn giao: chức vụ, địa chỉ, hộp thư, nhóm, "
        "quyền quản trị, thư được giao giữ.",
    ),
    "holding.post": ("post", "chức vụ"),
    "holding.address": ("address", "địa chỉ"),
    "holding.mailbox": ("mailbox", "hộp thư"),
    "holding.post-mailbox": ("mailbox that comes with a post", "hộp thư theo chức vụ"),
    "holding.reader": ("reads his mailbox", "đọc hộp thư của người này"),
    "holding.member": ("member of the group", "thành viên nhóm"),
    "holding.poster": ("may write to the group", "được gửi đến nhóm"),
    "holding.moderator": ("moderator of the group", "người duyệt thư của nhóm"),
    "holding.administration": ("administration", "quyền quản trị"),
    "holding.custody": ("keeps the mail of", "giữ thư để lại của"),
    "leaving.entrust": (
        "Let somebody read a closed mailbox for a time; needs a reason.",
        "Giao cho một người đọc hộp thư đã đóng trong một thời gian; phải có lý do.",
    ),
    "leaving.to": (
        "Who reads it: an official, or a unit's mailbox for whoever reads that.",
        "Người đọc: cán bộ, hoặc hộp thư đơn vị để chỉ những người đọc hộp thư ấy.",
    ),
    "leaving.head-of": ("Whoever is the head of this unit reads it.", "Người đứng đầu đơn vị này đọc."),
    "leaving.to-or-head": ("either --to or --head-of", "hoặc --to, hoặc --head-of"),
    "leaving.withdraw": ("Nobody reads that closed mailbox any longer.", "Không ai được đọc hộp thư đã đóng ấy nữa."),
    "leaving.ordered": ("{name} <{login}> leaves after {day}.", "{name} <{login}> sẽ nghỉ sau ngày {day}."),
    "leaving.undone": ("{name} <{login}> stays.", "{name} <{login}> ở lại."),
    "leaving.entrusted": ("{login} is read by {to} until {day}.", "Đã giao {login} cho {to} đọc đến {day}."),
    "leaving.withdrawn": ("Nobody reads {login} now.", "Không còn ai đọc {login}."),
    "mailbox.attach": (
        "Whoever holds a post reads a mailbox and sends for it, from one holder to the next.",
        "Người giữ một chức vụ đọc và gửi thư của hộp thư, từ người này sang người kế nhiệm.",
    ),
    "mailbox.detach": ("A post does not go with the mailbox any longer.", "Chức vụ không còn kèm hộp thư."),
    "mailbox.attached": ("The post goes with {login}.", "Chức vụ đã gắn với {login}."),
    "mailbox.detached": ("The post does not go with {login} any more.", "Chức vụ không còn gắn với {login}."),
    "column.what": ("what", "nội dung"),
    "column.where": ("where", "nơi"),
    "column.how": ("rights", "quyền"),
    "column.custodian": ("custodian", "người giữ thư"),
    "column.last_day": ("last day", "ngày cuối"),
    "column.leaves": ("leaves after", "nghỉ sau ngày"),
    "column.starts": ("starts on", "bắt đầu ngày"),
}
