"""What ``citymail unit plan`` says."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "plan.help": (
        "Reorganisations: plans that are checked, approved, applied on their day and undone as a whole.",
        "Sắp xếp đơn vị: phương án được kiểm tra, duyệt, áp dụng đúng ngày và hoàn tác trọn vẹn.",
    ),
    "plan.check": ("Name every mistake of a plan by file and line.", "Chỉ ra mọi lỗi của phương án theo tệp và dòng."),
    "plan.show": (
        "Show what a plan changes: a file, or a plan by its id.",
        "Xem phương án thay đổi những gì: một tệp, hoặc theo mã phương án.",
    ),
    "plan.officials": ("Each official who moves, too.", "Cả từng cán bộ được chuyển."),
    "plan.propose": (
        "Put a plan before the others; somebody else approves it.",
        "Trình phương án; người khác sẽ duyệt.",
    ),
    "plan.approve": ("Approve a plan that somebody else proposed.", "Duyệt phương án do người khác trình."),
    "plan.withdraw": ("Withdraw a plan that was not applied.", "Rút phương án chưa áp dụng."),
    "plan.apply": (
        "Apply an approved plan now; on its day the server does it by itself.",
        "Áp dụng ngay phương án đã duyệt; đến ngày, máy chủ tự áp dụng.",
    ),
    "plan.undo": (
        "Undo a plan as a whole, as long as nothing on it was changed since.",
        "Hoàn tác trọn vẹn phương án, khi kết quả chưa bị ai thay đổi.",
    ),
    "plan.list": ("Plans, newest first.", "Các phương án, mới nhất trước."),
    "plan.checked": ("{title}: no mistakes; takes effect on {day}.", "{title}: không có lỗi; hiệu lực từ {day}."),
    "plan.proposed": ("Plan {id} waits for approval: {title}.", "Phương án {id} chờ duyệt: {title}."),
    "plan.approved": ("Approved: {title}, for {day}.", "Đã duyệt: {title}, hiệu lực {day}."),
    "plan.withdrawn": ("Withdrawn: {title}.", "Đã rút: {title}."),
    "plan.applied": ("Applied: {title} ({rows} rows).", "Đã áp dụng: {title} ({rows} dòng dữ liệu)."),
    "plan.undone": ("Undone: {title} ({rows} rows).", "Đã hoàn tác: {title} ({rows} dòng dữ liệu)."),
    "plan.counts": (
        "Units: {made} new, {changed} changed, {ended} ended.  Posts: {moved} moved, {dismissed} ended.  "
        "Mailboxes: {opened} new, {handed} handed over, {closed} redirected.  Group rules: {rules}.",
        "Đơn vị: {made} thành lập, {changed} thay đổi, {ended} kết thúc.  Chức vụ: {moved} chuyển, {dismissed} kết "
        "thúc.  Hộp thư: {opened} mở mới, {handed} bàn giao, {closed} chuyển hướng.  Quy tắc nhóm: {rules}.",
    ),
    "plan.line-close": ("- {name} → {to} ({count} posts)", "- {name} → {to} ({count} chức vụ)"),
    "state.proposed": ("proposed", "chờ duyệt"),
    "state.approved": ("approved", "đã duyệt"),
    "state.blocked": ("blocked", "bị chặn"),
    "state.applied": ("applied", "đã áp dụng"),
    "state.undone": ("undone", "đã hoàn tác"),
    "state.withdrawn": ("withdrawn", "đã rút"),
    "column.approver": ("approved by", "người duyệt"),
    "column.author": ("proposed by", "người trình"),
    "column.problem": ("problem", "vướng mắc"),
}
