"""What ``citymail audit`` says."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "audit.help": ("Who changed what, when, from where and why.", "Ai đã thay đổi gì, khi nào, từ đâu và vì sao."),
    "audit.show": (
        "What was done to an official, a mailbox, a group, an alias or a unit, newest first.",
        "Những thay đổi đối với một cán bộ, hộp thư, nhóm, bí danh hoặc đơn vị, mới nhất trước.",
    ),
    "audit.search": (
        "Entries of the record, newest first; TEXT may stand in the subject or in the details.",
        "Tìm trong nhật ký, mới nhất trước; TEXT có trong đối tượng hoặc chi tiết.",
    ),
    "audit.actor": ("Who did it: a login, or cli:USER.", "Người thực hiện: tên đăng nhập, hoặc cli:USER."),
    "audit.action": (
        "What was done, or its first word: official, official.move, mailbox.passwd …",
        "Việc đã làm, hoặc từ đầu: official, official.move, mailbox.passwd …",
    ),
    "audit.from": ("Since this day.", "Từ ngày."),
    "audit.until": ("Up to this day.", "Đến hết ngày."),
    "audit.emergency": (
        "Only what was done on the machine without an administrator.",
        "Chỉ những việc làm trên máy chủ mà không qua quản trị viên.",
    ),
    "audit.opened": (
        "Who opened a mailbox, or was let into it, beside its owner.",
        "Ai đã mở hoặc được cho vào một hộp thư, ngoài chủ hộp thư.",
    ),
    "column.whom": ("let in", "người được vào"),
    "column.origin": ("from where", "từ đâu"),
    "audit.verify": (
        "Check that no entry was changed, taken out or put in; prints the seal, to be kept elsewhere.",
        "Kiểm tra nhật ký không bị sửa, bớt hoặc chèn; in dấu niêm phong để lưu nơi khác.",
    ),
    "audit.seal": (
        "Check too that the record continues one that had this seal.",
        "Kiểm tra cả việc nhật ký nối tiếp từ dấu niêm phong này.",
    ),
    "audit.export": (
        "Write the record out, oldest first, to FILE or standard output.",
        "Xuất nhật ký, cũ nhất trước, ra FILE hoặc đầu ra chuẩn.",
    ),
    "audit.format": ("As a table, or a JSON object a line.", "Dạng bảng, hoặc mỗi dòng một đối tượng JSON."),
    "audit.after": ("Only what follows the entry of this number.", "Chỉ những mục sau mục có số này."),
    "audit.whole": ("The record is whole. Seal: {seal}", "Nhật ký nguyên vẹn. Dấu niêm phong: {seal}"),
    "audit.broken": (
        "The record is broken at entry {number}: {reason}.",
        "Nhật ký bị phá vỡ tại mục {number}: {reason}.",
    ),
    "audit.exported": ("{count} entries written to {file}.", "Đã ghi {count} mục vào {file}."),
}
