"""What the commands about app passwords and hidden capabilities say."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "second-factor": (
        "Whether an account has two-step sign-in; for one who lost telephone and codes, turn it off.",
        "Tài khoản có bật đăng nhập hai bước không; tắt giúp người mất điện thoại và mã khôi phục.",
    ),
    "second-factor.off": ("Turn it off: the password is enough again.", "Tắt: chỉ cần mật khẩu."),
    "second-factor.is-on": (
        "{login} has two-step sign-in; {left} recovery codes are left.",
        "{login} đã bật đăng nhập hai bước; còn {left} mã khôi phục.",
    ),
    "second-factor.is-off": ("{login} has no two-step sign-in.", "{login} chưa bật đăng nhập hai bước."),
    "app-password.group": (
        "Passwords for single programs: for mail or for the address book, never for the webmail.",
        "Mật khẩu riêng cho từng chương trình: dùng cho thư hoặc danh bạ, không dùng cho webmail.",
    ),
    "app-password.add": (
        "Make one; it is shown now and never again.",
        "Tạo mới; chỉ hiện một lần duy nhất.",
    ),
    "app-password.list": ("Those an account has, and their last use.", "Các mật khẩu đang có và lần dùng cuối."),
    "app-password.revoke": (
        "Take one back, by name or id; what uses it is out within a minute.",
        "Thu hồi theo tên hoặc mã định danh; chương trình đang dùng bị ngắt trong một phút.",
    ),
    "app-password.scope": ("What it opens.", "Dùng được cho giao thức nào."),
    "app-password.added": ("App password {name} of {login} made.", "Đã tạo mật khẩu ứng dụng {name} cho {login}."),
    "app-password.revoked": (
        "App password {name} of {login} is revoked.",
        "Đã thu hồi mật khẩu ứng dụng {name} của {login}.",
    ),
    "capability.hide": (
        "Hide IMAP capabilities, as QRESYNC, from a client that misbehaves.",
        "Ẩn các khả năng IMAP, như QRESYNC, với chương trình thư hoạt động sai.",
    ),
    "capability.show": ("Hide a capability no longer.", "Thôi ẩn các khả năng IMAP."),
    "capability.client": (
        "Only from clients whose ID fits this pattern, as '*Outlook*'.",
        "Chỉ với chương trình có ID khớp mẫu, như '*Outlook*'.",
    ),
    "capability.hidden": (
        "Hidden from clients of {login}: {hidden}.",
        "Đang ẩn với chương trình của {login}: {hidden}.",
    ),
    "capability.none": ("Nothing is hidden from clients of {login}.", "Không ẩn gì với chương trình của {login}."),
    "scope.both": ("IMAP and SMTP", "IMAP và SMTP"),
    "scope.imap": ("IMAP", "IMAP"),
    "scope.smtp": ("SMTP", "SMTP"),
    "scope.ldap": ("LDAP", "LDAP"),
    "column.scope": ("opens", "dùng cho"),
    "column.made": ("made", "tạo lúc"),
    "column.used": ("last used", "dùng lần cuối"),
    "column.used_from": ("from", "từ địa chỉ"),
}
