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
    "official.import": (
        "Take officials in from a CSV file; a second run of the same file changes nothing.\n\n"
        "Columns, in any order, by English or Vietnamese heading: employee_code (mã cán bộ), full_name (họ và tên) or "
        "family_name, middle_name, given_name (họ, tên đệm, tên); unit (đơn vị), position (chức vụ), "
        "title (chức danh), "
        "kind (hình thức), valid_from (từ ngày), valid_until (đến ngày), "
        "address (địa chỉ thư), password (mật khẩu), phone (điện thoại), "
        "quota (dung lượng), language (ngôn ngữ), decision (số quyết định). A second line with the same code is a "
        "second post. What cannot be taken in is written to the rejects file with the reason, ready to be corrected "
        "and imported again.",
        "Nhập cán bộ từ tệp CSV; nhập lại cùng một tệp không thay đổi gì.\n\n"
        "Các cột, thứ tự tùy ý, tiêu đề tiếng Việt hoặc tiếng Anh: mã cán bộ (employee_code), họ và tên (full_name) "
        "hoặc họ, tên đệm, tên (family_name, middle_name, given_name); đơn vị (unit), chức vụ (position), chức danh "
        "(title), hình thức (kind), từ ngày (valid_from), "
        "đến ngày (valid_until), địa chỉ thư (address), mật khẩu (password), "
        "điện thoại (phone), "
        "dung lượng (quota), ngôn ngữ (language), số quyết định (decision). Dòng thứ hai cùng mã là chức vụ thứ hai. "
        "Dòng không nhập được sẽ ghi vào tệp lỗi kèm lý do, để sửa và nhập lại.",
    ),
    "official.export": (
        "Write officials to a CSV file that the import reads back; without FILE to standard output.",
        "Xuất cán bộ ra tệp CSV mà lệnh nhập đọc lại được; không có FILE thì ra đầu ra chuẩn.",
    ),
    "official.exported": ("{count} officials written to {file}.", "Đã ghi {count} cán bộ vào {file}."),
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
    "official.position-title": ("The title, as it is written.", "Tên chức vụ."),
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
}
