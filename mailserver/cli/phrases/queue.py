"""What ``citymail queue``, ``quarantine`` and ``trace`` say: mail on its way."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "queue.help": ("Mail that waits to be sent to other servers.", "Thư chờ gửi tới máy chủ khác."),
    "queue.list": ("What waits, oldest first.", "Thư đang chờ, cũ nhất trước."),
    "queue.domains": (
        "For which domains most waits, and which cannot be reached.",
        "Tên miền nào nhiều thư chờ nhất, tên miền nào không liên lạc được.",
    ),
    "queue.show": (
        "One message: its envelope, each recipient's state, its header.",
        "Một thư: phong bì, trạng thái từng người nhận, phần đầu thư.",
    ),
    "queue.hold": (
        "Keep messages from being sent until they are released.",
        "Giữ thư lại, chưa gửi cho đến khi dùng lệnh release.",
    ),
    "queue.release": ("Let held messages be sent again.", "Cho gửi lại thư đang bị giữ."),
    "queue.retry": ("Try now instead of at the next time.", "Thử gửi ngay, không đợi đến lần thử tới."),
    "queue.remove": (
        "Forget messages. Their senders are not told.",
        "Xóa thư khỏi hàng đợi. Người gửi không được báo.",
    ),
    "queue.reroute": (
        "Send messages through another host than their domains' own, or by these again.",
        "Gửi qua máy khác thay cho máy của tên miền nhận, hoặc trở lại như cũ.",
    ),
    "queue.limit": ("So many at most; 0: all.", "Tối đa bao nhiêu; 0: tất cả."),
    "queue.domain": ("For this domain.", "Gửi tới tên miền này."),
    "queue.sender": ("From this reverse-path; <> for reports.", "Từ địa chỉ phong bì này; <> là thư báo."),
    "queue.older-than": (
        "That came so long ago or longer: 30m, 4h, 2d.",
        "Đã đến từ chừng này hoặc lâu hơn: 30m, 4h, 2d.",
    ),
    "queue.state": ("In this state.", "Ở trạng thái này."),
    "queue.all": ("All of them.", "Tất cả."),
    "queue.through": ("HOST or HOST:PORT.", "MÁY hoặc MÁY:CỔNG."),
    "queue.direct": (
        "By the domains' own hosts, or the routes of the configuration.",
        "Qua máy của tên miền nhận, hoặc theo đường đi trong cấu hình.",
    ),
    "queue.none": ("No message {item_id} is waiting.", "Không có thư {item_id} đang chờ."),
    "queue.empty": ("Nothing waits.", "Không có thư nào đang chờ."),
    "queue.name-some": (
        "Name the messages, choose them by --domain, --sender, --older-than or --state, or say --all.",
        "Hãy nêu số thư, chọn bằng --domain, --sender, --older-than hoặc --state, hoặc dùng --all.",
    ),
    "queue.way": ("Say --through HOST[:PORT], or --direct.", "Hãy dùng --through MÁY[:CỔNG] hoặc --direct."),
    "queue.shown": (
        "{count} messages shown; {waiting} recipients wait in all",
        "{count} thư; tất cả {waiting} người nhận đang chờ",
    ),
    "queue.message": (
        "{id}  {at}  {size} octets  <{path}>  {subject}",
        "{id}  {at}  {size} byte  <{path}>  {subject}",
    ),
    "queue.message-held": (
        "{id}  {at}  {size} octets  <{path}>  {subject}  HELD",
        "{id}  {at}  {size} byte  <{path}>  {subject}  GIỮ LẠI",
    ),
    "queue.attempts": ("{count} attempts", "đã thử {count} lần"),
    "queue.waits-for": (
        "{domain}  {count} waiting, priority {priority}",
        "{domain}  {count} đang chờ, ưu tiên {priority}",
    ),
    "queue.failing": (
        "cannot be reached, {count} times; next try {at}: {reply}",
        "không liên lạc được {count} lần; thử lại lúc {at}: {reply}",
    ),
    "queue.was-held": ("{count} messages held", "đã giữ lại {count} thư"),
    "queue.was-released": ("{count} messages released", "đã cho gửi lại {count} thư"),
    "queue.was-retried": ("{count} recipients due now", "{count} người nhận được thử ngay"),
    "queue.was-rerouted": ("{count} recipients rerouted", "{count} người nhận đi đường khác"),
    "queue.was-removed": ("{count} messages removed", "đã xóa {count} thư"),
    "delivery.due": ("due {at}", "thử lúc {at}"),
    "delivery.sending": ("sending", "đang gửi"),
    "delivery.held": ("held", "giữ lại"),
    "delivery.sent": ("sent", "đã gửi"),
    "delivery.failed": ("failed", "không gửi được"),
    "quarantine.help": (
        "Mail that a scanner wants looked at before anybody gets it.",
        "Thư mà bộ quét giữ lại để xem trước khi chuyển cho người nhận.",
    ),
    "quarantine.list": ("What is there, oldest first, and why.", "Thư đang cách ly, cũ nhất trước, và lý do."),
    "quarantine.show": (
        "One message: its envelope, why it is there, and its header.  Its body is nobody's business here.",
        "Một thư: phong bì, lý do cách ly và phần đầu thư.  Nội dung thư không xem được ở đây.",
    ),
    "quarantine.release": (
        "Let messages go on to whom they were sent.",
        "Cho thư đi tiếp tới người nhận.",
    ),
    "quarantine.remove": ("Destroy messages. Their senders are not told.", "Hủy thư. Người gửi không được báo."),
    "quarantine.none": ("No message {item_id} is in quarantine.", "Không có thư {item_id} trong khu cách ly."),
    "quarantine.empty": ("Nothing is in quarantine.", "Khu cách ly không có thư nào."),
    "quarantine.to": ("to {paths}", "gửi tới {paths}"),
    "quarantine.why": ("because: {reason}", "lý do: {reason}"),
    "quarantine.was-released": ("{count} messages released", "đã cho {count} thư đi tiếp"),
    "quarantine.was-removed": ("{count} messages removed", "đã hủy {count} thư"),
    "trace.help": (
        "What became of messages that came in, newest first.\n\n"
        "With REFERENCE, of that message alone; it stands in its Received field, and in what senders were answered.",
        "Thư đến đã được xử lý ra sao, mới nhất trước.\n\n"
        "Với REFERENCE, chỉ thư đó; mã này ghi trong trường Received của thư và trong câu trả lời cho bên gửi.",
    ),
    "trace.to": ("For this recipient.", "Gửi tới người nhận này."),
    "trace.since": ("Not older than: 30m, 4h, 2d.", "Không cũ hơn: 30m, 4h, 2d."),
    "trace.action": ("Of which this was the verdict.", "Đã được quyết định như thế này."),
    "trace.nothing": ("No such message is recorded.", "Không có thư nào như vậy được ghi lại."),
    "trace.from": (
        "from <{path}> by {client} ({hello}), {size} octets",
        "từ <{path}> qua {client} ({hello}), {size} byte",
    ),
    "trace.author": ("author {author}", "người viết {author}"),
    "fate.accept": ("taken", "đã nhận"),
    "fate.junk": ("taken as junk", "đã nhận, là thư rác"),
    "fate.quarantine": ("kept for administrators", "giữ lại chờ quản trị viên"),
    "fate.refuse": ("refused", "bị từ chối"),
    "fate.defer": ("put off", "bị hoãn"),
    "fate.inbox": ("in the mailbox", "trong hộp thư"),
    "fate.waiting": ("waits for room", "chờ chỗ trống"),
    "fate.moderation": ("waits for a moderator", "chờ kiểm duyệt"),
    "fate.relay": ("on its way elsewhere", "đang chuyển đi nơi khác"),
}
