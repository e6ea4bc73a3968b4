"""What ``citymail dkim`` says."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "dkim.help": ("Keys that outgoing mail is signed with.", "Khóa ký thư gửi đi (DKIM)."),
    "dkim.key": ("Make, show and change keys.", "Tạo, xem và thay đổi khóa."),
    "dkim.make": (
        "Make keys for DOMAIN, one of each kind; they sign once they are published and activated.",
        "Tạo khóa cho DOMAIN, mỗi thuật toán một khóa; khóa ký sau khi được công bố và kích hoạt.",
    ),
    "dkim.kind": ("Only this kind.  [default: both]", "Chỉ thuật toán này.  [mặc định: cả hai]"),
    "dkim.selector": (
        "The key's name, with --kind.  [default: after the day]",
        "Tên khóa, dùng cùng --kind.  [mặc định: theo ngày]",
    ),
    "dkim.selector-of": (
        "--selector names one key: --kind belongs to it",
        "--selector đặt tên một khóa: cần cả --kind",
    ),
    "dkim.list": ("List keys.", "Liệt kê khóa."),
    "dkim.removed": ("Removed ones too.", "Cả khóa đã xóa."),
    "dkim.activate": (
        "Sign with a key from now on; the one before it is retired.",
        "Ký bằng khóa này từ nay; khóa trước ngừng ký.",
    ),
    "dkim.unseen": (
        "Though it was not seen in the DNS: others will not be able to verify.",
        "Dù chưa thấy trong DNS: nơi nhận sẽ không xác minh được.",
    ),
    "dkim.retire": (
        "Sign with a key no more; leave its record in the DNS for a month.",
        "Ngừng ký bằng khóa này; để bản ghi trong DNS thêm một tháng.",
    ),
    "dkim.remove": (
        "Forget a key's private half for ever.",
        "Xóa vĩnh viễn phần bí mật của khóa.",
    ),
    "dkim.dns": (
        "The TXT records to publish, as lines of a zone file.",
        "Các bản ghi TXT cần công bố, theo dạng tệp zone.",
    ),
    "dkim.check": (
        "Compare the records in the DNS with the keys.  Exit status 1 if one that signs is not right.",
        "So sánh bản ghi trong DNS với các khóa.  Mã thoát 1 nếu khóa đang ký không đúng.",
    ),
    "dkim.rotate": (
        "Do what is due: make successors, change over to those in the DNS, remove old keys.  For a timer.",
        "Làm việc đến hạn: tạo khóa kế tiếp, chuyển sang khóa đã có trong DNS, xóa khóa cũ.  Dùng với bộ hẹn giờ.",
    ),
    "dkim.serve-days": ("Days that a key signs.", "Số ngày một khóa được dùng để ký."),
    "dkim.keep-days": ("Days that a retired key is kept.", "Số ngày giữ khóa đã ngừng ký."),
    "dkim.activated": ("{name} signs from now on.", "{name} ký từ nay."),
    "dkim.retired": (
        "{name} signs no more.  Leave its record in the DNS until `citymail dkim rotate` removes the key.",
        "{name} đã ngừng ký.  Giữ bản ghi trong DNS cho đến khi `citymail dkim rotate` xóa khóa.",
    ),
    "dkim.was-removed": (
        "{name} is gone.  Take its record out of the DNS.",
        "Đã xóa {name}.  Hãy gỡ bản ghi khỏi DNS.",
    ),
    "dkim.was-made": ("{name} was made.", "Đã tạo {name}."),
    "dkim.was-published": ("{name} is in the DNS.", "Đã thấy {name} trong DNS."),
    "dkim.waits": ("{name} waits to be published:", "{name} cần được công bố:"),
    "dkim.lost": (
        "{name} signs, but its record in the DNS is missing or wrong: what it signs fails everywhere.",
        "{name} đang ký nhưng bản ghi trong DNS thiếu hoặc sai: nơi nhận không xác minh được.",
    ),
    "dkim.nothing": ("Nothing is due.", "Không có việc đến hạn."),
    "dkim.publish": (
        "Publish this, then `citymail dkim rotate` or `citymail dkim check`:",
        "Hãy công bố bản ghi sau, rồi chạy `citymail dkim rotate` hoặc `citymail dkim check`:",
    ),
}
