"""What the commands say that take files in and write them."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "official.import": (
        "Take officials in from a file (CSV, LDIF, vCard or JSON); a second run of the same file changes nothing.\n\n"
        "Columns, in any order, by English or Vietnamese heading: employee_code (mã cán bộ), full_name (họ và tên) or "
        "family_name, middle_name, given_name (họ, tên đệm, tên); unit (đơn vị), position (chức vụ), "
        "title (chức danh), kind (hình thức), rank (thứ tự), valid_from (từ ngày), valid_until (đến ngày), "
        "address (địa chỉ thư), aliases (bí danh), password (mật khẩu), phone (điện thoại), quota (dung lượng), "
        "language (ngôn ngữ), decision (số quyết định). A second line with the same code is a second post. What "
        "cannot be taken in is written to the rejects file with the reason, ready to be corrected and imported again.",
        "Nhập cán bộ từ tệp (CSV, LDIF, vCard hoặc JSON); nhập lại cùng một tệp không thay đổi gì.\n\n"
        "Các cột, thứ tự tùy ý, tiêu đề tiếng Việt hoặc tiếng Anh: mã cán bộ (employee_code), họ và tên (full_name) "
        "hoặc họ, tên đệm, tên (family_name, middle_name, given_name); đơn vị (unit), chức vụ (position), chức danh "
        "(title), hình thức (kind), thứ tự (rank), từ ngày (valid_from), đến ngày (valid_until), "
        "địa chỉ thư (address), bí danh (aliases), mật khẩu (password), điện thoại (phone), dung lượng (quota), "
        "ngôn ngữ (language), số quyết định (decision). Dòng thứ hai cùng mã là chức vụ thứ hai. "
        "Dòng không nhập được sẽ ghi vào tệp lỗi kèm lý do, để sửa và nhập lại.",
    ),
    "official.export": (
        "Write officials to a file that the import reads back; without FILE to standard output.",
        "Xuất cán bộ ra tệp mà lệnh nhập đọc lại được; không có FILE thì ra đầu ra chuẩn.",
    ),
    "import.removing": (
        "Whoever holds a post today and is not in the file leaves; --dry-run shows who.",
        "Ai đang giữ chức vụ mà không có trong tệp thì thôi việc; --dry-run cho xem trước.",
    ),
    "import.removing-in": (
        "Only of this unit and what lies below it.  [default: the whole city]",
        "Chỉ trong đơn vị này và các đơn vị trực thuộc.  [mặc định: toàn thành phố]",
    ),
    "import.yes-remove": (
        "That so many leave is right; needed where it is more than one in twenty.",
        "Xác nhận đúng số người thôi việc; cần khi vượt quá một phần hai mươi.",
    ),
    "import.removing-first": (
        "--removing-in and --yes-remove go with --removing",
        "--removing-in và --yes-remove đi cùng --removing",
    ),
    "import.nobody-leaves": (
        "Lines were refused, so nobody leaves ({count} would have); correct them and take the whole file in again.",
        "Có dòng bị từ chối nên không cho ai thôi việc (lẽ ra {count}); hãy sửa và nhập lại cả tệp.",
    ),
    "import.stays": ("{login} stays: {why}", "{login} vẫn ở lại: {why}"),
    "import.would-leave": ("- {subject}: {what} would leave", "- {subject}: {what} sẽ thôi việc"),
    "import.would-leave-all": ("{count} would leave.", "{count} người sẽ thôi việc."),
    "import.left": (
        "{count} left; each can be taken back: citymail official undo-remove.",
        "{count} người đã thôi việc; có thể hủy từng trường hợp: citymail official undo-remove.",
    ),
    "export.on": (
        "As of this day, past or to come: who held which posts, which units there were.  [default: today]",
        "Theo một ngày, trước hoặc sau hôm nay: ai giữ chức vụ nào, có những đơn vị nào.  [mặc định: hôm nay]",
    ),
    "export.no-day": (
        "mailboxes and groups are known as of today only",
        "hộp thư và nhóm chỉ xuất được theo ngày hôm nay",
    ),
    "unit.import": (
        "Take units in from a file, parents before what lies below them; a second run changes nothing.\n\n"
        "Columns: name (tên đơn vị), type (loại), short_name (tên tắt), parent (cấp trên), agency_code (mã cơ quan), "
        "order (thứ tự), valid_from (từ ngày), valid_until (đến ngày), decision (số quyết định), id. A unit that is "
        "known by its id or short name is altered from valid_from on.",
        "Nhập đơn vị từ tệp, cấp trên trước cấp dưới; nhập lại không thay đổi gì.\n\n"
        "Các cột: tên đơn vị (name), loại (type), tên tắt (short_name), cấp trên (parent), mã cơ quan (agency_code), "
        "thứ tự (order), từ ngày (valid_from), đến ngày (valid_until), số quyết định (decision), id. Đơn vị đã có "
        "theo id hoặc tên tắt được sửa kể từ valid_from.",
    ),
    "unit.export": (
        "Write today's units to a file that the import reads back; without FILE to standard output.",
        "Xuất các đơn vị hiện nay ra tệp mà lệnh nhập đọc lại được; không có FILE thì ra đầu ra chuẩn.",
    ),
    "mailbox.import": (
        "Make mailboxes of units and roles from a file; a second run changes nothing.\n\n"
        "Columns: address (địa chỉ thư), name (tên hộp thư), unit (đơn vị), aliases (bí danh), quota (dung lượng), "
        "language (ngôn ngữ), readers (người đọc), senders (người gửi).",
        "Tạo hộp thư của đơn vị và chức năng từ tệp; nhập lại không thay đổi gì.\n\n"
        "Các cột: địa chỉ thư (address), tên hộp thư (name), đơn vị (unit), bí danh (aliases), dung lượng (quota), "
        "ngôn ngữ (language), người đọc (readers), người gửi (senders).",
    ),
    "mailbox.export": (
        "Write the mailboxes of units and roles to a file; without FILE to standard output.",
        "Xuất hộp thư của đơn vị và chức năng ra tệp; không có FILE thì ra đầu ra chuẩn.",
    ),
    "group.import": (
        "Take groups in from a file, inner ones before the outer; a second run changes nothing.\n\n"
        "Columns: address (địa chỉ thư), name (tên nhóm), aliases (bí danh), unit (đơn vị), posting (quyền gửi), "
        "moderated (kiểm duyệt), hidden (ẩn thành viên), members (thành viên), rules (quy tắc), posters (người gửi "
        "thư), poster_groups, poster_units, moderators (người kiểm duyệt). Members are added, never taken out.",
        "Nhập nhóm từ tệp, nhóm con trước nhóm chứa nó; nhập lại không thay đổi gì.\n\n"
        "Các cột: địa chỉ thư (address), tên nhóm (name), bí danh (aliases), đơn vị (unit), quyền gửi (posting), "
        "kiểm duyệt (moderated), ẩn thành viên (hidden), thành viên (members), quy tắc (rules), người gửi thư "
        "(posters), nhóm gửi thư (poster_groups), đơn vị gửi thư (poster_units), người kiểm duyệt (moderators). "
        "Chỉ thêm thành viên, không bớt.",
    ),
    "group.export": (
        "Write groups to a file that the import reads back; without FILE to standard output.",
        "Xuất nhóm ra tệp mà lệnh nhập đọc lại được; không có FILE thì ra đầu ra chuẩn.",
    ),
    "file.format": (
        "The format.  [default: by the file's name, else csv]",
        "Định dạng.  [mặc định: theo tên tệp, nếu không rõ thì csv]",
    ),
    "file.exported": ("{count} records written to {file}.", "Đã ghi {count} mục vào {file}."),
    "export.unit": (
        "Only this unit and what lies below it.",
        "Chỉ đơn vị này và các đơn vị bên dưới.",
    ),
    "export.no-unit": ("groups belong to no unit", "nhóm không thuộc đơn vị nào"),
    "import.encoding": (
        "The character set of an old file; UTF-8 and UTF-16 are told by themselves.  [default: auto]",
        "Bảng mã của tệp cũ; UTF-8 và UTF-16 được tự nhận.  [mặc định: auto]",
    ),
    "import.dry-run": (
        "Check everything and show what would differ; change nothing.",
        "Kiểm tra tất cả và cho xem khác biệt, không thay đổi gì.",
    ),
    "import.whole": (
        "All or nothing: one transaction, undone if anything is refused.",
        "Tất cả hoặc không gì: một giao dịch, hủy nếu có dòng bị lỗi.",
    ),
    "import.rejects": (
        "Where what was refused goes.  [default: beside FILE, as NAME.rejects]",
        "Tệp ghi các mục lỗi.  [mặc định: cạnh FILE, tên.rejects]",
    ),
    "import.differences": (
        "Write every difference to this CSV file.",
        "Ghi mọi khác biệt vào tệp CSV này.",
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
    "import.undone": (
        "Nothing was changed, for {rejected} were refused ({added} new, {updated} other, {unchanged} known).",
        "Không thay đổi gì vì có {rejected} mục lỗi ({added} mới, {updated} khác, {unchanged} đã có).",
    ),
    "import.rehearsed": (
        "Dry run: {added} would be added, {updated} updated, {unchanged} unchanged, {rejected} rejected.",
        "Chạy thử: sẽ thêm {added}, cập nhật {updated}, không đổi {unchanged}, lỗi {rejected}.",
    ),
    "import.would-add": ("+ line {line}: {subject}: {what}", "+ dòng {line}: {subject}: {what}"),
    "import.would-change": ("~ line {line}: {subject}: {what}", "~ dòng {line}: {subject}: {what}"),
    "import.more-differences": (
        "… and {count} more (--differences FILE holds them all)",
        "… và {count} mục nữa (--differences FILE ghi đủ)",
    ),
    "import.problem": ("line {line}: {reason}", "dòng {line}: {reason}"),
    "import.rejected": (
        "{count} records were rejected; they stand in {file} with the reason.",
        "{count} mục bị lỗi; xem {file} kèm lý do.",
    ),
}
