"""What is said of the mail in a mailbox: ``citymail mailbox import``, ``restore``, ``share`` …, ``citymail index``."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "mail.no-mailbox": ("There is no mailbox {key}.", "Không có hộp thư {key}."),
    "mail.more": ("… and {count} more", "… và {count} thư khác"),
    "bring.help": (
        "Bring the mail of SOURCE into MAILBOX (an address).\n\n"
        "SOURCE is an mbox file, a folder of mbox files, a Maildir, or imaps://user@host[:port] (imap:// for an"
        " unencrypted connection). Folders, flags and dates come along. Nothing at the source is changed, and the"
        " command may be run again at any time: what is here already is not brought twice.",
        "Chuyển thư từ SOURCE vào MAILBOX (một địa chỉ).\n\n"
        "SOURCE là tệp mbox, thư mục chứa các tệp mbox, Maildir, hoặc imaps://user@host[:port] (imap:// là kết nối"
        " không mã hóa). Thư mục, cờ và ngày tháng được giữ nguyên. Nơi nguồn không bị thay đổi gì, và lệnh chạy lại"
        " được bất cứ lúc nào: thư đã có ở đây không được chuyển lần nữa.",
    ),
    "bring.format": ("What SOURCE is, where it cannot be seen.", "Loại của SOURCE, nếu không tự nhận ra được."),
    "bring.folder": ("What a single mbox file holds.", "Thư mục chứa trong một tệp mbox đơn lẻ."),
    "bring.into": (
        "Put all folders below this mailbox of ours.",
        "Đặt mọi thư mục bên dưới hộp thư này ở đây.",
    ),
    "bring.only": ("Bring only this folder; may be repeated.", "Chỉ chuyển thư mục này; có thể lặp lại."),
    "bring.leave": ("Leave this folder behind; may be repeated.", "Bỏ qua thư mục này; có thể lặp lại."),
    "bring.virtual": (
        "Also folders that only show others' mail (All Mail).",
        "Cả thư mục chỉ hiện lại thư của thư mục khác (All Mail).",
    ),
    "bring.password-stdin": (
        "Read the other server's password from standard input.",
        "Đọc mật khẩu ở máy chủ kia từ đầu vào chuẩn.",
    ),
    "bring.any-certificate": (
        "Accept any certificate of the other server.",
        "Chấp nhận mọi chứng thư của máy chủ kia.",
    ),
    "bring.ignore-quota": (
        "Bring more than the mailbox may hold.",
        "Chuyển cả khi vượt dung lượng của hộp thư.",
    ),
    "bring.dry-run": ("Only count.", "Chỉ đếm."),
    "bring.errors": ("CSV file for what was not brought.", "Tệp CSV ghi những thư không chuyển được."),
    "bring.password": ("Password at the other server", "Mật khẩu ở máy chủ kia"),
    "bring.no-source": ("{place}: no such file or folder", "{place}: không có tệp hoặc thư mục này"),
    "bring.address": (
        "an IMAP source is written imaps://user@host or imaps://user@host:port",
        "nguồn IMAP phải viết imaps://user@host hoặc imaps://user@host:port",
    ),
    "bring.brought": (
        "{brought} messages brought ({size}), {known} were here already.",
        "Đã chuyển {brought} thư ({size}), {known} thư đã có từ trước.",
    ),
    "bring.dry": (
        "{brought} messages would be brought ({size}), {known} are here already.",
        "Sẽ chuyển {brought} thư ({size}), {known} thư đã có từ trước.",
    ),
    "bring.failed": ("{count} messages were not brought:", "{count} thư không chuyển được:"),
    "bring.more": (
        "… and {count} more; --errors FILE names them all.",
        "… và {count} thư khác; --errors FILE ghi đầy đủ.",
    ),
    "bring.full": ("Mailbox is full", "hộp thư đã đầy"),
    "bring.stopped": (
        "Broken off: {reason}. Run the command again to go on from here.",
        "Bị gián đoạn: {reason}. Hãy chạy lại lệnh để tiếp tục từ chỗ này.",
    ),
    "restore.help": (
        "Bring back what was removed from the mailboxes of ADDRESS.\n\n"
        "What is removed is kept for [storage] recoverable_days. Each message goes back to the mailbox it was in (the"
        " trash aside), with its date and flags; a mailbox that was removed is made again. What is still there is not"
        " brought a second time. While the system runs, clients see the messages come.",
        "Khôi phục thư đã xóa khỏi các hộp thư của ADDRESS.\n\n"
        "Thư đã xóa được giữ [storage] recoverable_days ngày. Mỗi thư trở về hộp thư trước đó (không kể thùng rác), giữ"
        " nguyên ngày và cờ; hộp thư đã xóa được lập lại. Thư còn đó không được khôi phục lần nữa. Khi hệ thống đang"
        " chạy, chương trình thư thấy ngay thư trở về.",
    ),
    "restore.mailbox": (
        "Only what was removed from this mailbox of his, there or removed itself.",
        "Chỉ thư đã xóa khỏi hộp thư này của người đó, dù hộp thư còn hay đã xóa.",
    ),
    "restore.since": (
        "Only what was removed since this day or time.  [default: all that is kept]",
        "Chỉ thư đã xóa từ ngày hoặc thời điểm này.  [mặc định: mọi thư còn giữ]",
    ),
    "restore.into": (
        "Put it all into this mailbox.  [default: back to where it was]",
        "Đặt tất cả vào hộp thư này.  [mặc định: nơi trước đó]",
    ),
    "restore.drafts": ("Also earlier states of drafts.", "Cả các bản trước của thư nháp."),
    "restore.dry-run": ("Only tell what would be restored.", "Chỉ cho biết sẽ khôi phục gì."),
    "restore.none": ("Nothing to restore.", "Không có gì để khôi phục."),
    "restore.would": ("{count} messages ({size}) would be restored:", "Sẽ khôi phục {count} thư ({size}):"),
    "restore.restored": ("{count} messages restored: {where}.", "Đã khôi phục {count} thư: {where}."),
    "restore.day": (
        "{text} is no day or time (2026-11-22, 22/11/2026, or with 03:00 behind it)",
        "{text} không phải ngày giờ (22/11/2026, hoặc thêm 03:00 phía sau)",
    ),
    "restore.no-place": (
        "A mailbox could not be made, for its name or because there are too many; nothing was restored.",
        "Không lập được hộp thư, do tên hoặc do đã quá nhiều hộp thư; chưa khôi phục gì.",
    ),
    "restore.no-subject": ("(no subject)", "(không có chủ đề)"),
    "share.help": (
        "Let WHOM (an official, unit, group, or `anyone`) do RIGHTS in a mailbox of ADDRESS.\n\n"
        "l see it, r read, s mark as seen, w change flags, i put messages in, p post, k make mailboxes below, x delete"
        " it, t mark messages as deleted, e expunge, a decide who may. Replaces what WHOM had by name before.",
        "Cho WHOM (cán bộ, đơn vị, nhóm, hoặc `anyone`) có các quyền RIGHTS trong một hộp thư của ADDRESS.\n\n"
        "l thấy hộp thư, r đọc, s đánh dấu đã đọc, w đổi cờ, i đưa thư vào, p gửi thư tới, k tạo hộp thư con, x xóa hộp"
        " thư, t đánh dấu xóa thư, e xóa hẳn thư, a quyết định ai được vào. Thay cho các quyền đích danh WHOM đã có.",
    ),
    "share.unshare": (
        "Take back what WHOM was given by name in a mailbox of ADDRESS.",
        "Thu lại quyền đích danh đã cho WHOM trong một hộp thư của ADDRESS.",
    ),
    "share.shares": (
        "Who may do what in the mailboxes of ADDRESS, by name; and whose the seen state is.",
        "Ai được làm gì đích danh trong các hộp thư của ADDRESS; và trạng thái đã đọc là của ai.",
    ),
    "share.seen": (
        "Whether readers of a mailbox of ADDRESS share \\Seen, so that they see what is handled, or each has his own.",
        "Người đọc một hộp thư của ADDRESS dùng chung \\Seen để biết thư nào đã xử lý, hay mỗi người một riêng.",
    ),
    "share.rights": (
        "Rights of RFC 4314; {worker} to work in it.",
        "Các quyền theo RFC 4314; {worker} để làm việc trong đó.",
    ),
    "share.take-away": (
        "Take these rights from WHOM, whoever gives them.",
        "Tước các quyền này của WHOM, dù ai cho.",
    ),
    "share.give-back": ("End what --take-away had begun.", "Thôi áp dụng --take-away trước đây."),
    "share.name": ("Which of his mailboxes.", "Hộp thư nào của người đó."),
    "share.all": ("All of his mailboxes.", "Mọi hộp thư của người đó."),
    "share.no-official": (
        "There is no official, unit or group {key}.",
        "Không có cán bộ, đơn vị hoặc nhóm {key}.",
    ),
    "share.no-right": (
        "{letters} are not rights; there are lrswipkxtea",
        "{letters} không phải quyền; có các quyền lrswipkxtea",
    ),
    "share.owner": ("The owner has every right.", "Chủ hộp thư có mọi quyền."),
    "share.full": (
        "One of the mailboxes is shared with as many as may be; nothing was changed.",
        "Một hộp thư đã được chia sẻ cho đủ số người cho phép; chưa thay đổi gì.",
    ),
    "share.shared": ("{whom}: {rights} in {name}", "{whom}: {rights} trong {name}"),
    "share.unshared": ("{whom}: no entry in {name} any more", "{whom}: không còn quyền riêng trong {name}"),
    "share.none": ("Nothing is shared by name.", "Không chia sẻ đích danh cho ai."),
    "share.private": (
        "{name}: seen state is every reader's own",
        "{name}: trạng thái đã đọc riêng từng người đọc",
    ),
    "share.common": (
        "{name}: seen state is shared by all readers",
        "{name}: trạng thái đã đọc chung cho mọi người đọc",
    ),
    "index.help": (
        "The full-text indexes behind SEARCH and the webmail.",
        "Chỉ mục toàn văn dùng khi tìm kiếm qua IMAP và webmail.",
    ),
    "index.status": (
        "How much of an account's mail its index knows.",
        "Chỉ mục của một tài khoản đã gồm bao nhiêu thư.",
    ),
    "index.rebuild": (
        "Remove an account's index and read all its mail anew, beside a running server.  Searches go on meanwhile.",
        "Xóa chỉ mục của một tài khoản và đọc lại toàn bộ thư, khi máy chủ vẫn chạy.  Tìm kiếm không gián đoạn.",
    ),
    "index.all": ("Every account that has an index.", "Mọi tài khoản có chỉ mục."),
    "index.which": ("Name an address, or say --all.", "Hãy nêu một địa chỉ, hoặc dùng --all."),
    "index.nobody": ("No account has an index yet.", "Chưa tài khoản nào có chỉ mục."),
    "index.none": (
        "{name}: no index; it is made at the first search.",
        "{name}: chưa có chỉ mục; sẽ lập ở lần tìm đầu tiên.",
    ),
    "index.has": (
        "{name}: {messages} messages and the files of {attached}; {behind} messages and the files of {waiting} not yet"
        " read; {size} MB.",
        "{name}: {messages} thư và tệp của {attached} thư; còn {behind} thư và tệp của {waiting} thư chưa đọc;"
        " {size} MB.",
    ),
}
