"""What ``citymail mailbox`` says, and what is said of passwords."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "mailbox.help": (
        "Mailboxes of units and roles; lock, password, quota of any.",
        "Hộp thư đơn vị và chức năng; khóa, mật khẩu, dung lượng.",
    ),
    "mailbox.add": (
        "Add a mailbox of a unit, or without --unit of a role.",
        "Thêm hộp thư đơn vị, hoặc hộp thư chức năng nếu không có --unit.",
    ),
    "mailbox.show": (
        "Show any mailbox: by address or id.",
        "Xem hộp thư bất kỳ: theo địa chỉ hoặc mã định danh.",
    ),
    "mailbox.list": ("List mailboxes of units and roles.", "Liệt kê hộp thư đơn vị và chức năng."),
    "mailbox.all": ("Officials' mailboxes too.", "Cả hộp thư cán bộ."),
    "mailbox.search": (
        "Mailboxes whose address or unit contains TEXT.",
        "Hộp thư có địa chỉ hoặc đơn vị chứa TEXT.",
    ),
    "mailbox.lock": ("No sign-in from now on; mail still arrives.", "Khóa đăng nhập; vẫn nhận thư."),
    "mailbox.unlock": ("Allow sign-in again.", "Mở khóa đăng nhập."),
    "mailbox.passwd": ("Set a password; asks for one unless told.", "Đặt mật khẩu; hỏi nếu không cho trước."),
    "mailbox.quota": (
        "Limit the space of a mailbox: 5G, 500M, 0 for no limit.",
        "Giới hạn dung lượng hộp thư: 5G, 500M, 0 là không giới hạn.",
    ),
    "mailbox.admin": (
        "Make somebody an administrator, or (--off) none any more.",
        "Giao quyền quản trị, hoặc (--off) thôi quyền.",
    ),
    "mailbox.grant": (
        "Let an official read a unit's mailbox and send for it.",
        "Cho cán bộ đọc và gửi thư của hộp thư đơn vị.",
    ),
    "mailbox.revoke": ("Take that right back.", "Thu hồi quyền đó."),
    "mailbox.remove": (
        "Close a mailbox; its mail stays, its addresses redirect or go out of use.",
        "Đóng hộp thư; thư được giữ, địa chỉ chuyển hướng hoặc ngừng.",
    ),
    "mailbox.name": ("The name it shows.", "Tên hiển thị."),
    "mailbox.unit": ("The unit it belongs to.", "Đơn vị sở hữu."),
    "mailbox.added": ("Mailbox {name} <{login}> added.", "Đã thêm hộp thư {name} <{login}>."),
    "mailbox.locked": ("{name} <{login}> is locked.", "Đã khóa {name} <{login}>."),
    "mailbox.unlocked": ("{name} <{login}> is unlocked.", "Đã mở khóa {name} <{login}>."),
    "mailbox.quota-set": ("{login} may use {quota}.", "{login} được dùng {quota}."),
    "mailbox.is-admin": ("{name} <{login}> is an administrator.", "{name} <{login}> là quản trị viên."),
    "mailbox.no-admin": ("{name} <{login}> is no administrator.", "{name} <{login}> không là quản trị viên."),
    "mailbox.granted": ("{official} has rights on {login}.", "{official} có quyền với {login}."),
    "mailbox.revoked": (
        "{official} has no named right on {login} any more.",
        "{official} không còn quyền riêng với {login}.",
    ),
    "mailbox.removed": ("{name} <{login}> is closed.", "Đã đóng {name} <{login}>."),
    "password.new": ("New password", "Mật khẩu mới"),
    "password.set": (
        "Password of {login} set; web sessions ended.",
        "Đã đặt mật khẩu của {login}; các phiên web đã kết thúc.",
    ),
    "password.is": ("Password: {password}", "Mật khẩu: {password}"),
    "password.none": (
        "No password yet: {login} cannot sign in. Set one with 'mailbox passwd'.",
        "Chưa có mật khẩu: {login} chưa đăng nhập được. Đặt bằng 'mailbox passwd'.",
    ),
    "password.of-unit": (
        "No password: whoever has rights on {login} opens it with his own.",
        "Không có mật khẩu: người có quyền với {login} mở bằng mật khẩu của mình.",
    ),
    "password.missing": ("none yet", "chưa có"),
}
