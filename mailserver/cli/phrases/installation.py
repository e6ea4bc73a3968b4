"""What ``citymail`` itself says, and ``citymail init``, ``serve``, ``demo``, ``check``, ``health``."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "citymail.help": (
        "CityMail: e-mail and internal messaging for a whole city government.",
        "CityMail: thư điện tử và liên lạc nội bộ cho toàn bộ chính quyền thành phố.",
    ),
    "citymail.owners": (
        "{command} needs the rights of the machine's owner, which no administrator's role has",
        "{command} cần quyền của người quản lý máy chủ; không vai trò quản trị viên nào có quyền này",
    ),
    "citymail.no-config": (
        "{path}: No such file or directory. `citymail init` makes one.",
        "{path}: không có tệp này. Hãy tạo tệp cấu hình bằng `citymail init`.",
    ),
    "citymail.denied": (
        "{path}: permission denied (sudo?)",
        "{path}: không có quyền truy cập (cần sudo?)",
    ),
    "citymail.database": (
        "the database cannot be used: {problem}",
        "không dùng được cơ sở dữ liệu: {problem}",
    ),
    "citymail.no-tables": (
        "the database cannot be used: {problem} (`citymail init` makes an installation)",
        "không dùng được cơ sở dữ liệu: {problem} (hãy cài đặt bằng `citymail init`)",
    ),
    "citymail.age": (
        "must be minutes, hours or days: 30m, 4h, 2d",
        "phải là số phút, giờ hoặc ngày: 30m, 4h, 2d",
    ),
    "citymail.days": ("must be days: 7d", "phải là số ngày: 7d"),
    "init.help": (
        "Make an installation.\n\n"
        "Writes a commented configuration, and makes what it names: data folder, tables, a certificate to begin with.",
        "Cài đặt mới.\n\n"
        "Ghi tệp cấu hình có chú thích và tạo những gì tệp nêu: thư mục dữ liệu, các bảng, chứng thư ban đầu.",
    ),
    "init.domain": ("The city's mail domain.", "Tên miền thư của thành phố."),
    "init.hostname": (
        "This server's name.  [default: mail.DOMAIN]",
        "Tên máy chủ này.  [mặc định: mail.DOMAIN]",
    ),
    "init.name": ("The city's name.  [default: its domain]", "Tên thành phố.  [mặc định: tên miền]"),
    "init.data": ("The data folder.", "Thư mục dữ liệu."),
    "init.database": (
        "URL of the database.  [default: SQLite in the data folder]",
        "URL của cơ sở dữ liệu.  [mặc định: SQLite trong thư mục dữ liệu]",
    ),
    "init.exists": (
        "{file} exists already; nothing was changed",
        "{file} đã có; chưa thay đổi gì",
    ),
    "init.ready": (
        "{file} and {data} are ready. The certificate is our own; replace it before real use.",
        "{file} và {data} đã sẵn sàng. Chứng thư do máy tự ký; hãy thay trước khi đưa vào sử dụng.",
    ),
    "init.next": (
        "Next: citymail serve --config {file}\n"
        "Then, an administrator: citymail official add --admin --generate --name … --config {file}",
        "Tiếp theo: citymail serve --config {file}\n"
        "Sau đó thêm quản trị viên: citymail official add --admin --generate --name … --config {file}",
    ),
    "serve.help": (
        "Serve mail until SIGTERM.  SIGHUP reads certificates and configuration anew.",
        "Chạy máy chủ thư đến khi nhận SIGTERM.  SIGHUP: đọc lại chứng thư và cấu hình.",
    ),
    "demo.help": (
        "Build a city to look at, on first start, and serve it.",
        "Dựng thành phố mẫu ở lần chạy đầu và chạy máy chủ thư.",
    ),
    "demo.data": ("Where it is kept.", "Nơi lưu thành phố mẫu."),
    "demo.port-base": (
        "Added to every port: 10000 makes 25 10025.",
        "Cộng vào mọi cổng: với 10000, cổng 25 thành 10025.",
    ),
    "demo.host": ("The address to listen on.", "Địa chỉ lắng nghe."),
    "check.help": (
        "Recount every invariant of the store and the directory.  Exit status 1: one is broken.",
        "Kiểm tra lại mọi ràng buộc của kho thư và danh bạ.  Mã thoát 1: có sai lệch.",
    ),
    "check.well": ("All is well.", "Mọi thứ đều đúng."),
    "health.help": (
        "Ask every service whether it answers.  Exit status 1: one does not.",
        "Hỏi từng dịch vụ xem có trả lời không.  Mã thoát 1: có dịch vụ không trả lời.",
    ),
    "health.all": ("All services answer.", "Mọi dịch vụ đều trả lời."),
    "health.some": ("Some services do not answer.", "Có dịch vụ không trả lời."),
    "health.refused": ("nothing listens on port {port}", "cổng {port} không có dịch vụ nào lắng nghe"),
    "health.silent": ("no answer from port {port}", "cổng {port} không trả lời"),
    "health.greeting": ("unexpected greeting {heard}", "lời chào lạ {heard}"),
    "health.keys": ("nothing is signed or decrypted", "không ký và không giải mã được"),
}
