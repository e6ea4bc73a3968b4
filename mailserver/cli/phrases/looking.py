"""What ``citymail doctor`` and ``reports`` say, and ``citymail group held|approve|reject``."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "doctor.help": (
        "Find what is wrong with the installation, and what to do.\n\n"
        "Checks DNS, certificate, reverse names, policies, ports, disk and secrets.  Exit status 1: something is bad.",
        "Tìm chỗ hỏng của hệ thống và cách khắc phục.\n\n"
        "Kiểm tra DNS, chứng thư, tên ngược, chính sách, cổng, ổ đĩa và các bí mật.  Mã thoát 1: có chỗ hỏng.",
    ),
    "doctor.all": ("Show what is good, too.", "Hiện cả những gì tốt."),
    "doctor.counted": (
        "{good} good, {warning} to be looked at, {bad} bad",
        "{good} tốt, {warning} cần xem, {bad} hỏng",
    ),
    "reports.help": (
        "What others report of mail in our name, and of TLS to us.\n\n"
        "Who sends in our name, and which connections failed: the reports that came to [reports] received_at.",
        "Báo cáo của nơi khác về thư dưới tên ta và TLS.\n\n"
        "Ai gửi dưới tên của ta, kết nối nào thất bại: các báo cáo gửi tới [reports] received_at.",
    ),
    "reports.domain": ("On this domain of ours.", "Về tên miền này của ta."),
    "reports.kind": ("Only of this kind.", "Chỉ loại này."),
    "reports.since": ("Not older than so many days.", "Không cũ hơn số ngày này."),
    "reports.nothing": ("No report has come.", "Chưa nhận được báo cáo nào."),
    "reports.dmarc": (
        "Mail in the name of {domain}, {reports} reports of {reporters}:",
        "Thư dưới tên {domain}, {reports} báo cáo từ {reporters}:",
    ),
    "reports.sent": (
        "{count} messages, {passed} vouched for, {stopped} stopped",
        "{count} thư, {passed} được xác thực, {stopped} bị chặn",
    ),
    "reports.failing": ("Not vouched for, by source:", "Không được xác thực, theo nguồn:"),
    "reports.tls": (
        "TLS to {domain}, {reports} reports of {reporters}:",
        "TLS đến {domain}, {reports} báo cáo từ {reporters}:",
    ),
    "reports.sessions": ("{good} connections went well, {bad} failed", "{good} kết nối tốt, {bad} thất bại"),
    "reports.unvouched": (
        "{count} reports are of nobody's who is vouched for: they may be made up.",
        "{count} báo cáo không rõ người gửi thật: có thể bịa đặt.",
    ),
    "moderation.held": (
        "Mail that waits for a moderator: of GROUP, or of every group that one moderates.",
        "Thư chờ kiểm duyệt: của GROUP, hoặc của mọi nhóm mình kiểm duyệt.",
    ),
    "moderation.approve": (
        "Let messages go on to the members of the group.",
        "Cho thư đến các thành viên của nhóm.",
    ),
    "moderation.reject": (
        "Turn messages away; who sent them from here is told, with the reason.",
        "Từ chối thư; người gửi trong hệ thống được báo cùng lý do.",
    ),
    "moderation.empty": ("Nothing waits for a moderator.", "Không có thư nào chờ kiểm duyệt."),
    "moderation.none": (
        "One of these messages does not wait for a moderator; nothing was done.",
        "Có thư không chờ kiểm duyệt; chưa thực hiện gì.",
    ),
    "moderation.waits": ("{age}, until {day}", "đã chờ {age}, đến {day}"),
    "moderation.waits-on": ("{age}", "đã chờ {age}"),
    "moderation.days": ("{count} days", "{count} ngày"),
    "moderation.hours": ("{count} hours", "{count} giờ"),
    "moderation.approved": (
        "{count} messages go on to the members.",
        "Đã cho {count} thư đến các thành viên.",
    ),
    "moderation.rejected": ("{count} messages turned away.", "Đã từ chối {count} thư."),
}
