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
    "mailbox.on-or-off": ("Whether he is one.", "Giao hoặc thôi quyền."),
    "mailbox.may-read": ("Whether he may read the mail there.", "Có được đọc thư không."),
    "mailbox.may-send": ("Whether he may send in its name.", "Có được gửi thư thay mặt hộp thư không."),
    "mailbox.grant": (
        "Let an official read a unit's mailbox and send for it.",
        "Cho cán bộ đọc và gửi thư của hộp thư đơn vị.",
    ),
    "mailbox.revoke": ("Take back the right to read and send.", "Thu hồi quyền đọc và gửi thư."),
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
    "absence.help": (
        "Show when the owner of a mailbox is away and what who writes is told; with --until, keep it.",
        "Xem chủ hộp thư vắng mặt khi nào và người gửi được báo gì; có --until thì ghi lại.",
    ),
    "absence.until": ("The last day.", "Ngày vắng mặt cuối cùng."),
    "absence.until-when": ("until when? (--until)", "vắng mặt đến ngày nào? (--until)"),
    "absence.text": ("What colleagues are told.", "Nội dung báo cho đồng nghiệp."),
    "absence.outside": (
        "What everybody else is told; without it they get no answer.",
        "Nội dung báo cho người ngoài; không có thì không trả lời.",
    ),
    "absence.substitute": ("Who stands in: an address.", "Địa chỉ của người làm thay."),
    "absence.end": ("He is back, or does not go.", "Đã trở lại, hoặc không đi nữa."),
    "absence.none": ("{login} is not away.", "{login} không vắng mặt."),
    "absence.kept": ("{login} is away from {since} until {until}.", "{login} vắng mặt từ {since} đến {until}."),
    "absence.stands-in": ("Stands in: {value}", "Người làm thay: {value}"),
    "absence.told": ("Colleagues are told: {value}", "Báo cho đồng nghiệp: {value}"),
    "absence.told-outside": ("Everybody else is told: {value}", "Báo cho người ngoài: {value}"),
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
    "password.sealed": (
        "The keys of {login} are sealed under the password of today: after this, encrypted mail opens only with that"
        " former password, or by a recovery from escrow (citymail ca escrow).",
        "Khóa của {login} được niêm phong bằng mật khẩu hiện nay: sau khi đặt lại, thư mã hóa chỉ mở được bằng mật khẩu"
        " cũ đó, hoặc nhờ phục hồi khóa lưu ký (citymail ca escrow).",
    ),
    "password.missing": ("none yet", "chưa có"),
}
