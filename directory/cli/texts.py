"""Everything the directory's commands say, in English and Vietnamese.

The language is ``--lang``, else CITYMAIL_LANG, else Vietnamese where the locale says so, else English.  Scripts should
read ``--json``, whose keys do not change with the language.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

# key: (English, Vietnamese)
TEXTS: dict[str, tuple[str, str]] = {
    # groups
    "unit.help": (
        "Units of the city, their names and parents over time.",
        "Đơn vị của Thành phố, tên và cấp trên qua thời gian.",
    ),
    "official.help": ("Officials, their posts and mailboxes.", "Cán bộ, chức vụ và hộp thư của họ."),
    "mailbox.help": (
        "Mailboxes of units and roles; lock, password, quota of any.",
        "Hộp thư đơn vị và chức năng; khóa, mật khẩu, dung lượng.",
    ),
    "alias.help": (
        "Further addresses, redirects, addresses that lead outside.",
        "Bí danh, chuyển hướng và địa chỉ dẫn ra ngoài.",
    ),
    "group.help": ("Addresses that reach many.", "Địa chỉ nhóm."),
    # options common to many commands
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
    # unit
    "unit.add": ("Add a unit.", "Thêm đơn vị."),
    "unit.show": (
        "Show a unit: by short name, agency code, full name or id.",
        "Xem đơn vị: theo tên tắt, mã, tên đầy đủ hoặc mã định danh.",
    ),
    "unit.list": ("List units as a tree, each below its parent.", "Liệt kê đơn vị theo cây tổ chức."),
    "unit.search": (
        "Units whose name contains TEXT; marks may be left out.",
        "Đơn vị có tên chứa TEXT; có thể bỏ dấu.",
    ),
    "unit.move": (
        "Put a unit below another from a day on.",
        "Chuyển đơn vị về trực thuộc đơn vị khác từ một ngày.",
    ),
    "unit.rename": (
        "Change name, short name, type or code from a day on.",
        "Đổi tên, tên tắt, loại hoặc mã từ một ngày.",
    ),
    "unit.remove": (
        "End a unit and say what follows it; it stays readable.",
        "Kết thúc đơn vị và ghi đơn vị kế thừa; vẫn tra cứu được.",
    ),
    "unit.types": ("Kinds of units.", "Các loại đơn vị."),
    "unit.define-type": ("Make or correct a kind of unit.", "Thêm hoặc sửa loại đơn vị."),
    "unit.name": ("Full name.", "Tên đầy đủ."),
    "unit.short": ("Short name, as SYT.", "Tên tắt, như SYT."),
    "unit.type": ("Kind of unit (citymail unit types).", "Loại đơn vị (citymail unit types)."),
    "unit.under": ("The unit above.", "Đơn vị cấp trên."),
    "unit.code": ("Agency code (QCVN 102), as H29.4.", "Mã cơ quan (QCVN 102), như H29.4."),
    "unit.order": ("Place among its siblings; small numbers first.", "Thứ tự trong các đơn vị cùng cấp; số nhỏ trước."),
    "unit.on": ("As it was on this day.  [default: today]", "Tại ngày này.  [mặc định: hôm nay]"),
    "unit.closed": ("Units of the past too.", "Cả đơn vị đã kết thúc."),
    "unit.successor": ("What follows it (may be repeated).", "Đơn vị kế thừa (có thể lặp lại)."),
    "unit.kind": ("How it ends.", "Hình thức kết thúc."),
    "unit.force": (
        "Even though officials, units or mailboxes remain in it.",
        "Dù còn cán bộ, đơn vị hoặc hộp thư.",
    ),
    "unit.added": ("Unit {name} added ({id}).", "Đã thêm đơn vị {name} ({id})."),
    "unit.moved": ("{name} lies below {under} from {day}.", "{name} trực thuộc {under} từ {day}."),
    "unit.renamed": ("{before} is {name} from {day}.", "{before} là {name} từ {day}."),
    "unit.removed": ("{name} ends on {day}.", "{name} kết thúc ngày {day}."),
    "unit.type-defined": ("Kind of unit {code} is defined.", "Đã định nghĩa loại đơn vị {code}."),
    # official
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
    "official.import": (
        "Take officials in from a CSV file; a second run of the same file changes nothing.\n\n"
        "Columns, in any order, by English or Vietnamese heading: employee_code (mã cán bộ), full_name (họ và tên) or "
        "family_name, middle_name, given_name (họ, tên đệm, tên); unit (đơn vị), position (chức vụ), "
        "title (chức danh), "
        "kind (hình thức), valid_from (từ ngày), address (địa chỉ thư), password (mật khẩu), phone (điện thoại), "
        "quota (dung lượng), language (ngôn ngữ), decision (số quyết định). A second line with the same code is a "
        "second post. What cannot be taken in is written to the rejects file with the reason, ready to be corrected "
        "and imported again.",
        "Nhập cán bộ từ tệp CSV; nhập lại cùng một tệp không thay đổi gì.\n\n"
        "Các cột, thứ tự tùy ý, tiêu đề tiếng Việt hoặc tiếng Anh: mã cán bộ (employee_code), họ và tên (full_name) "
        "hoặc họ, tên đệm, tên (family_name, middle_name, given_name); đơn vị (unit), chức vụ (position), chức danh "
        "(title), hình thức (kind), từ ngày (valid_from), địa chỉ thư (address), mật khẩu (password), "
        "điện thoại (phone), "
        "dung lượng (quota), ngôn ngữ (language), số quyết định (decision). Dòng thứ hai cùng mã là chức vụ thứ hai. "
        "Dòng không nhập được sẽ ghi vào tệp lỗi kèm lý do, để sửa và nhập lại.",
    ),
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
    "official.phone": ("Telephone.", "Điện thoại."),
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
    "official.rank": ("Order in lists: 1 is first.", "Thứ tự trong danh sách: 1 là đầu."),
    "official.clerk": (
        "Holders read and send for their unit's mailboxes (văn thư).",
        "Người giữ chức vụ đọc và gửi thư của hộp thư đơn vị (văn thư).",
    ),
    "official.added": ("{name} <{login}> added.", "Đã thêm {name} <{login}>."),
    "official.moved": ("{name} <{login}> moved from {day}.", "Đã điều chuyển {name} <{login}> từ {day}."),
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
    # import
    "import.dry-run": ("Check everything, change nothing.", "Kiểm tra tất cả, không thay đổi gì."),
    "import.rejects": (
        "Where lines that were refused go.  [default: FILE.rejects.csv]",
        "Tệp ghi các dòng lỗi.  [mặc định: FILE.rejects.csv]",
    ),
    "import.password": (
        "For all who have none in the file; they share one stored hash (for tests).",
        "Một mật khẩu cho mọi người không có trong tệp (để thử: dùng chung một mã băm).",
    ),
    "import.quota": (
        "Space for those who have none in the file.",
        "Dung lượng cho người không có trong tệp.",
    ),
    "import.done": (
        "{added} added, {updated} updated, {unchanged} unchanged, {rejected} rejected.",
        "Đã thêm {added}, cập nhật {updated}, không đổi {unchanged}, lỗi {rejected}.",
    ),
    "import.rehearsed": (
        "Dry run: {added} would be added, {updated} updated, {unchanged} unchanged, {rejected} rejected.",
        "Chạy thử: sẽ thêm {added}, cập nhật {updated}, không đổi {unchanged}, lỗi {rejected}.",
    ),
    "import.problem": ("line {line}: {reason}", "dòng {line}: {reason}"),
    "import.rejected": (
        "{count} lines were rejected; they stand in {file} with the reason.",
        "{count} dòng bị lỗi; xem {file} kèm lý do.",
    ),
    # mailbox
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
    "mailbox.grant": (
        "Let an official read a unit's mailbox and send for it.",
        "Cho cán bộ đọc và gửi thư của hộp thư đơn vị.",
    ),
    "mailbox.revoke": ("Take that right back.", "Thu hồi quyền đó."),
    "mailbox.remove": (
        "Close a mailbox; its mail stays, its addresses redirect or are retired.",
        "Đóng hộp thư; thư được giữ, địa chỉ chuyển hướng hoặc ngừng.",
    ),
    "mailbox.name": ("The name it shows.", "Tên hiển thị."),
    "mailbox.unit": ("The unit it belongs to.", "Đơn vị sở hữu."),
    "mailbox.added": ("Mailbox {name} <{login}> added.", "Đã thêm hộp thư {name} <{login}>."),
    "mailbox.locked": ("{name} <{login}> is locked.", "Đã khóa {name} <{login}>."),
    "mailbox.unlocked": ("{name} <{login}> is unlocked.", "Đã mở khóa {name} <{login}>."),
    "mailbox.quota-set": ("{login} may use {quota}.", "{login} được dùng {quota}."),
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
    "password.missing": ("none yet", "chưa có"),
    # alias
    "alias.add": (
        "Add ADDRESS, leading to TARGET: an address of ours or one outside.",
        "Thêm ADDRESS dẫn tới TARGET: địa chỉ nội bộ hoặc bên ngoài.",
    ),
    "alias.show": ("Where an alias or redirect leads.", "Bí danh hoặc chuyển hướng dẫn tới đâu."),
    "alias.list": ("List aliases and redirects.", "Liệt kê bí danh và chuyển hướng."),
    "alias.retired": ("Those no longer in use too.", "Cả những địa chỉ đã ngừng."),
    "alias.search": (
        "Aliases whose address or target contains TEXT, retired ones too.",
        "Bí danh có địa chỉ hoặc đích chứa TEXT, cả đã ngừng.",
    ),
    "alias.remove": (
        "Retire an alias or redirect; nobody else ever gets it.",
        "Ngừng bí danh hoặc chuyển hướng; không cấp lại cho người khác.",
    ),
    "alias.added": ("{address} leads to {target}.", "{address} dẫn tới {target}."),
    "alias.removed": ("{address} is retired.", "Đã ngừng {address}."),
    # group
    "group.add": ("Add a group.", "Thêm nhóm."),
    "group.show": (
        "Show a group, its members and how many it reaches.",
        "Xem nhóm, thành viên và số người nhận.",
    ),
    "group.list": ("List groups.", "Liệt kê nhóm."),
    "group.search": ("Groups whose name or address contains TEXT.", "Nhóm có tên hoặc địa chỉ chứa TEXT."),
    "group.add-member": (
        "Add members: mailboxes, groups, addresses outside.",
        "Thêm thành viên: hộp thư, nhóm, địa chỉ bên ngoài.",
    ),
    "group.add-rule": (
        "Add members by description: whoever holds such a post.",
        "Thêm thành viên theo mô tả: mọi người giữ chức vụ như vậy.",
    ),
    "group.remove-member": (
        "Remove members by address, or rules by id.",
        "Xóa thành viên theo địa chỉ, hoặc quy tắc theo mã.",
    ),
    "group.set": ("Change name, posting rule, and who may write.", "Đổi tên, quy tắc gửi và người được gửi."),
    "group.remove": ("Remove a group; its address is retired.", "Xóa nhóm; địa chỉ ngừng sử dụng."),
    "group.name": ("The name it shows.", "Tên hiển thị."),
    "group.posting": ("Who may write to it.", "Ai được gửi tới nhóm."),
    "group.poster": (
        "Who may write where posting is 'named' (may be repeated; replaces the list).",
        "Người được gửi khi quy tắc là 'named' (có thể lặp lại; thay danh sách cũ).",
    ),
    "group.member": ("A member (may be repeated).", "Thành viên (có thể lặp lại)."),
    "group.rule-unit": ("Posts in this unit or below it.", "Chức vụ trong đơn vị này hoặc bên dưới."),
    "group.everybody": ("everybody who holds a post", "mọi người giữ chức vụ"),
    "group.added": ("Group {name} <{address}> added.", "Đã thêm nhóm {name} <{address}>."),
    "group.members-added": (
        "{count} members added to {address}.",
        "Đã thêm {count} thành viên vào {address}.",
    ),
    "group.members-removed": (
        "{count} members removed from {address}.",
        "Đã xóa {count} thành viên khỏi {address}.",
    ),
    "group.rule-added": ("{address} reaches {count} now.", "{address} hiện gửi tới {count} người."),
    "group.set-done": ("{address} changed.", "Đã thay đổi {address}."),
    "group.removed": ("{address} is removed.", "Đã xóa {address}."),
    # words in tables
    "status.active": ("active", "hoạt động"),
    "status.locked": ("locked", "bị khóa"),
    "status.closed": ("closed", "đã đóng"),
    "state.active": ("active", "đang dùng"),
    "state.redirect": ("redirect", "chuyển hướng"),
    "state.retired": ("retired", "đã ngừng"),
    "kind.person": ("official", "cán bộ"),
    "kind.unit": ("unit", "đơn vị"),
    "kind.role": ("role", "chức năng"),
    "right.read": ("read", "đọc"),
    "right.send": ("send", "gửi"),
    "posting.anyone": ("anyone", "mọi người"),
    "posting.internal": ("the city's own", "nội bộ"),
    "posting.members": ("members", "thành viên"),
    "posting.named": ("named", "được chỉ định"),
    "column.address": ("address", "địa chỉ"),
    "column.addresses": ("addresses", "các địa chỉ"),
    "column.agency_code": ("agency code", "mã cơ quan"),
    "column.children": ("below it", "trực thuộc"),
    "column.clerk": ("clerk", "văn thư"),
    "column.code": ("code", "mã"),
    "column.decision": ("decision", "quyết định"),
    "column.employee_code": ("employee code", "mã cán bộ"),
    "column.followed_by": ("followed by", "kế thừa bởi"),
    "column.follows": ("follows", "kế thừa từ"),
    "column.from": ("from", "từ ngày"),
    "column.groups": ("groups", "nhóm"),
    "column.id": ("id", "mã định danh"),
    "column.kind": ("kind", "loại"),
    "column.leads_to": ("leads to", "dẫn tới"),
    "column.left_on": ("left on", "nghỉ ngày"),
    "column.login": ("login", "tên đăng nhập"),
    "column.members": ("members", "thành viên"),
    "column.name": ("name", "tên"),
    "column.name_en": ("in English", "tiếng Anh"),
    "column.outside": ("outside", "bên ngoài"),
    "column.password": ("password", "mật khẩu"),
    "column.path": ("path", "trực thuộc"),
    "column.phone": ("telephone", "điện thoại"),
    "column.posters": ("may write", "được gửi"),
    "column.posting": ("who may write", "quy tắc gửi"),
    "column.posts": ("posts", "chức vụ"),
    "column.quota": ("quota", "dung lượng"),
    "column.rank": ("rank", "thứ tự"),
    "column.reaches": ("reaches", "số người nhận"),
    "column.rights": ("rights", "quyền"),
    "column.rules": ("rules", "quy tắc"),
    "column.short_name": ("short name", "tên tắt"),
    "column.state": ("state", "trạng thái"),
    "column.status": ("status", "trạng thái"),
    "column.title": ("title", "chức danh"),
    "column.title_en": ("in English", "tiếng Anh"),
    "column.type": ("type", "loại"),
    "column.unit": ("unit", "đơn vị"),
    "column.until": ("until", "đến ngày"),
    "column.versions": ("before", "trước đây"),
}


def environment_language(environment: Mapping[str, str] | None = None) -> str:
    """``vi`` or ``en``, from CITYMAIL_LANG or the locale (POSIX order of precedence)."""
    given = os.environ if environment is None else environment
    chosen = given.get("CITYMAIL_LANG", "")
    if chosen in ("vi", "en"):
        return chosen
    locale = given.get("LC_ALL") or given.get("LC_MESSAGES") or given.get("LANG") or ""
    return "vi" if locale.lower().startswith("vi") else "en"


def text(key: str, language: str) -> str:
    english, vietnamese = TEXTS[key]
    return vietnamese if language == "vi" else english


def help_text(key: str) -> str:
    """For the options' own descriptions, which stand fast before --lang is read."""
    return text(key, environment_language())
