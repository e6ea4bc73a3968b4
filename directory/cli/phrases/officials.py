"""What ``citymail official`` says."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "official.help": ("Officials, their posts and mailboxes.", "Cán bộ, chức vụ và hộp thư của họ."),
    "official.add": (
        "Add an official: person, mailbox, address and first post.",
        "Thêm cán bộ: người, hộp thư, địa chỉ và chức vụ đầu tiên.",
    ),
    "official.show": (
        "Show an official: by login, alias, employee code or id.",
        "Xem cán bộ: theo tên đăng nhập, bí danh, mã cán bộ hoặc mã định danh.",
    ),
    "official.list": ("List officials by given name.", "Liệt kê cán bộ theo tên."),
    "official.search": (
        "Officials whose name, login or code contains TEXT.",
        "Cán bộ có tên, địa chỉ hoặc mã chứa TEXT.",
    ),
    "official.move": (
        "Give another primary post; the old one ends on the eve.",
        "Điều chuyển: chức vụ chính mới, chức vụ cũ kết thúc hôm trước.",
    ),
    "official.appoint": ("Give one more post beside those held.", "Bổ nhiệm kiêm nhiệm thêm một chức vụ."),
    "official.dismiss": ("End a post.", "Thôi giữ một chức vụ."),
    "official.rename": (
        "Another name; with --address another primary address, the old one stays an alias.",
        "Đổi tên; với --address đổi địa chỉ chính, địa chỉ cũ thành bí danh.",
    ),
    "official.remove": (
        "An official leaves: posts end, sign-in ends, mail stays.",
        "Cán bộ nghỉ: thôi chức vụ, không đăng nhập nữa, thư được giữ.",
    ),
    "official.return": (
        "One who left comes back to the same mailbox.",
        "Người đã nghỉ trở lại với hộp thư cũ.",
    ),
    "official.positions": ("The catalogue of positions.", "Danh mục chức vụ."),
    "official.define-position": ("Add a position to the catalogue.", "Thêm chức vụ vào danh mục."),
    "official.name": (
        "Full name; family, middle and given name are taken from it.",
        "Họ và tên; họ, tên đệm, tên được tách từ đó.",
    ),
    "official.family": ("Family name, where it is not the first word.", "Họ, nếu không phải từ đầu."),
    "official.middle": ("Middle name.", "Tên đệm."),
    "official.given": ("Given name, where it is not the last word.", "Tên, nếu không phải từ cuối."),
    "official.unit": (
        "The unit: short name, code, full name or id.",
        "Đơn vị: tên tắt, mã, tên đầy đủ hoặc mã định danh.",
    ),
    "official.list-unit": (
        "Who holds a post in this unit or below it.",
        "Người giữ chức vụ trong đơn vị này hoặc bên dưới.",
    ),
    "official.position": (
        "The position: code or title (citymail official positions).",
        "Chức vụ: mã hoặc tên (citymail official positions).",
    ),
    "official.unit-and-position": (
        "--unit and --position go together",
        "--unit và --position phải đi cùng nhau",
    ),
    "official.title": (
        "The title as the decision words it, where it differs.",
        "Chức danh theo quyết định, nếu khác.",
    ),
    "official.kind": (
        "substantive; acting (quyền); seconded (biệt phái).",
        "substantive (chính thức); acting (quyền); seconded (biệt phái).",
    ),
    "official.code": ("Employee code.", "Mã cán bộ."),
    "official.address": (
        "The address.  [default: made from the name]",
        "Địa chỉ thư.  [mặc định: tạo từ tên]",
    ),
    "official.new-address": ("The new primary address.", "Địa chỉ chính mới."),
    "official.domain": (
        "The domain of new addresses.  [default: the primary one]",
        "Tên miền của địa chỉ mới.  [mặc định: tên miền chính]",
    ),
    "official.language": ("Of the webmail and of what he is told.", "Ngôn ngữ của webmail và của các thông báo."),
    "official.phone": ("Telephone.", "Điện thoại."),
    "official.photo": (
        "Show this picture (JPEG or PNG) beside the name.",
        "Hiện ảnh này (JPEG hoặc PNG) bên cạnh tên.",
    ),
    "official.photo-remove": ("Show none any more.", "Không hiện ảnh nữa."),
    "official.photo-save": ("Write the picture into this file.", "Ghi ảnh ra tệp này."),
    "official.photo-one": ("a FILE, or --remove, or --save", "một FILE, hoặc --remove, hoặc --save"),
    "official.photo-changed": ("The photo of {name} <{login}> is changed.", "Đã thay ảnh của {name} <{login}>."),
    "official.primary": ("The new post is the primary one.", "Chức vụ mới là chức vụ chính."),
    "official.end-all": (
        "End all other posts too, not only the primary one.",
        "Kết thúc mọi chức vụ khác, không chỉ chức vụ chính.",
    ),
    "official.redirect-to": (
        "Where mail to the old addresses goes for a time.",
        "Nơi nhận thư gửi tới địa chỉ cũ trong một thời gian.",
    ),
    "official.redirect-until": ("Until when.  [default: a year]", "Đến khi nào.  [mặc định: một năm]"),
    "official.position-title": ("The title, as it is written.", "Tên chức vụ."),
    "official.rank": ("Order in lists: 1 is first.", "Thứ tự trong danh sách: 1 là đầu."),
    "official.clerk": (
        "Holders read and send for their unit's mailboxes (văn thư).",
        "Người giữ chức vụ đọc và gửi thư của hộp thư đơn vị (văn thư).",
    ),
    "official.added": ("{name} <{login}> added.", "Đã thêm {name} <{login}>."),
    "official.moved": ("{name} <{login}> moved from {day}.", "Đã điều chuyển {name} <{login}> từ {day}."),
    "official.leave-groups": (
        "Take him out of the groups of the units that he leaves (a move of today or earlier).",
        "Đưa ra khỏi các nhóm của đơn vị cũ (khi điều chuyển có hiệu lực từ hôm nay trở về trước).",
    ),
    "official.stays-in": (
        "Still a member of {group}, a group of a unit that he leaves: citymail group remove-member {group} {login}",
        "Vẫn là thành viên của {group}, nhóm của đơn vị cũ: citymail group remove-member {group} {login}",
    ),
    "official.appointed": (
        "{name} <{login}> appointed from {day}.",
        "Đã bổ nhiệm {name} <{login}> từ {day}.",
    ),
    "official.dismissed": (
        "The post of {name} <{login}> ends on {day}.",
        "{name} <{login}> thôi chức vụ ngày {day}.",
    ),
    "official.renamed": ("{before} is {name} <{login}>.", "{before} là {name} <{login}>."),
    "official.removed": ("{name} <{login}> left on {day}.", "{name} <{login}> nghỉ từ sau {day}."),
    "official.returned": (
        "{name} <{login}> is back; set a password.",
        "{name} <{login}> trở lại; cần đặt mật khẩu.",
    ),
    "official.position-defined": (
        "Position {code} ({title}) is defined.",
        "Đã định nghĩa chức vụ {code} ({title}).",
    ),
}
