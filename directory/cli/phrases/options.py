"""What options mean that many commands share."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "help.commands": ("Commands", "Lệnh"),
    "option.config": ("The configuration file.", "Tệp cấu hình."),
    "option.json": ("Answer in JSON.", "Trả lời bằng JSON."),
    "option.lang": ("Language of the answer.", "Ngôn ngữ trả lời."),
    "option.by": (
        "In whose name, for the audit record.  [default: cli:USER]",
        "Người thực hiện, ghi vào nhật ký.  [mặc định: cli:USER]",
    ),
    "option.from": (
        "First day (2025-07-01 or 01/07/2025).  [default: today]",
        "Từ ngày (01/07/2025).  [mặc định: hôm nay]",
    ),
    "option.until": ("Last day.", "Đến hết ngày."),
    "option.last-day": ("Last day.  [default: yesterday]", "Ngày cuối cùng.  [mặc định: hôm qua]"),
    "option.decision": ("Number of the decision.", "Số quyết định."),
    "option.reason": ("Why, for the audit record.", "Lý do, ghi vào nhật ký."),
    "option.password": (
        "The password (seen by others on this machine; prefer --password-stdin).",
        "Mật khẩu (người khác trên máy có thể thấy; nên dùng --password-stdin).",
    ),
    "option.password-stdin": (
        "Read the password from the first line of standard input.",
        "Đọc mật khẩu từ dòng đầu của đầu vào chuẩn.",
    ),
    "option.one-password": (
        "--password, --password-stdin and --generate exclude each other",
        "chỉ dùng một trong --password, --password-stdin và --generate",
    ),
    "option.allow-weak": (
        "Take a password that is easy to guess, for tests.",
        "Nhận cả mật khẩu dễ đoán (để thử).",
    ),
    "option.generate": ("Make a password and print it.", "Tạo mật khẩu và in ra."),
    "option.must-change": (
        "It must be changed at the first sign-in on the web.",
        "Phải đổi khi đăng nhập lần đầu trên web.",
    ),
    "option.quota": ("Space, as 5G or 500M; 0: no limit.", "Dung lượng, như 5G hay 500M; 0: không giới hạn."),
    "option.admin": (
        "May administer; receives mail for postmaster.",
        "Là quản trị viên; nhận thư gửi postmaster.",
    ),
    "option.status": ("Only those with this status.", "Chỉ những người có trạng thái này."),
    "option.limit": ("At most so many.", "Tối đa bao nhiêu."),
    "option.name-en": ("In English.", "Bằng tiếng Anh."),
    "database": ("the database did not take it: {problem}", "cơ sở dữ liệu không nhận: {problem}"),
}
