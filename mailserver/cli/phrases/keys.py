"""What ``citymail key`` and ``citymail ca escrow`` say."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "key.help": ("Private keys: who opens them, and taking them along.", "Khóa riêng: ai mở được, và mang khóa theo."),
    "key.status": ("Whether the key process is there, and how keys lie.", "Tiến trình giữ khóa và tình trạng khóa."),
    "key.show": ("How an account's keys lie.", "Tình trạng khóa của một tài khoản."),
    "key.level": (
        "Who opens the keys of a unit's people: sealed, their passwords alone; managed, the installation's key too;"
        " inherit, as in the unit above.",
        "Ai mở được khóa của người trong đơn vị: sealed, chỉ mật khẩu của chính họ; managed, cả khóa của hệ thống;"
        " inherit, như đơn vị cấp trên.",
    ),
    "key.export": (
        "A decryption key with its certificate, into FILE, for its owner's own mail program; he types his password.",
        "Ghi khóa giải mã cùng chứng thư vào FILE cho chương trình thư của chính chủ; chính chủ tự gõ mật khẩu.",
    ),
    "key.give-up": (
        "Begin anew for an account whose sealed keys nobody can open any more.",
        "Lập lại từ đầu cho tài khoản có khóa niêm phong không còn ai mở được.",
    ),
    "key.certificate": (
        "Serial number of the certificate.  [default: the one in use]",
        "Số chứng thư.  [mặc định: chứng thư đang dùng]",
    ),
    "key.yes": ("Do not ask.", "Không hỏi lại."),
    "key.password": ("Password of {login}", "Mật khẩu của {login}"),
    "key.code": (
        "Sign-in code of {login} (empty: none is asked for)",
        "Mã đăng nhập của {login} (trống: không dùng)",
    ),
    "key.level-set": ("{unit}: {level}, from each person's next sign-in on.", "{unit}: {level}, từ lần đăng nhập tới."),
    "key.will-be-lost": (
        "Keys of {login}: those that sign are destroyed; {lost} that decrypt are not in escrow, and the mail that only"
        " they open is lost for good. Go on?",
        "Khóa của {login}: khóa ký sẽ bị hủy; {lost} khóa giải mã không được lưu ký, thư chỉ mở được bằng khóa đó sẽ"
        " mất vĩnh viễn. Tiếp tục?",
    ),
    "key.given-up": (
        "{login} gets new keys and certificates; {lost} keys were lost.",
        "{login} sẽ có khóa và chứng thư mới; đã mất {lost} khóa.",
    ),
    "key.there": ("The key process answers.", "Tiến trình giữ khóa đang chạy."),
    "key.away": (
        "The key process does not answer: nothing is signed or decrypted.",
        "Tiến trình giữ khóa không trả lời: không ký và không giải mã được.",
    ),
    "key.counts": (
        "{pairs} accounts with keys: {managed} managed, {sealed} sealed; {of_old} wait to be taken over;"
        " {unescrowed} decryption keys are not in escrow.",
        "{pairs} tài khoản có khóa: {managed} do hệ thống quản lý, {sealed} niêm phong; {of_old} chờ chuyển đổi;"
        " {unescrowed} khóa giải mã chưa lưu ký.",
    ),
    "key.lies": (
        "{login}: level {level}; opened by: {opened_by}; {keys} keys, {escrowed} of them in escrow.",
        "{login}: mức {level}; mở được bằng: {opened_by}; {keys} khóa, trong đó {escrowed} được lưu ký.",
    ),
    "opened.installation": ("the installation's key", "khóa của hệ thống"),
    "opened.password": ("the password", "mật khẩu"),
    "opened.former-password": ("a former password", "mật khẩu cũ"),
    "refusal.locked": ("it is sealed, and the password is needed", "khóa niêm phong, cần mật khẩu"),
    "refusal.former-password": (
        "it is sealed under a former password",
        "khóa niêm phong bằng mật khẩu cũ",
    ),
    "refusal.wrong-password": ("wrong login or password", "sai tên đăng nhập hoặc mật khẩu"),
    "refusal.wrong-code": ("wrong sign-in code", "sai mã đăng nhập"),
    "refusal.no-key": ("there is no such key here", "không có khóa đó"),
    "refusal.not-allowed": (
        "a key that signs, and a mailbox's, leave this installation for nobody",
        "khóa ký và khóa của hộp thư đơn vị không được mang ra ngoài",
    ),
    "refusal.too-often": ("too many wrong passwords, wait a while", "sai mật khẩu quá nhiều lần, hãy chờ"),
    "refusal.not-done": ("the passphrase is too short", "mật khẩu của tệp quá ngắn"),
    "refusal.failed": ("it failed; the log says why", "gặp lỗi; xem nhật ký"),
    "refusal.away": ("it does not answer", "không trả lời"),
    "escrow.help": (
        "Decryption keys in escrow, and bringing them back by two officers and the holders of shares.",
        "Lưu ký khóa giải mã và phục hồi khóa bởi hai cán bộ cùng những người giữ phần khóa.",
    ),
    "escrow.create": (
        "Make a recovery key in FOLDER, on a machine without network: its public half, and a file for each share.",
        "Lập khóa phục hồi trong FOLDER, trên máy không nối mạng: nửa công khai và mỗi phần khóa một tệp.",
    ),
    "escrow.install": (
        "Put decryption keys into escrow from now on, under the recovery key whose public half is in FILE.",
        "Từ nay lưu ký khóa giải mã với khóa phục hồi có nửa công khai trong FILE.",
    ),
    "escrow.list": ("Recovery keys, and recoveries.", "Khóa phục hồi và các yêu cầu phục hồi."),
    "escrow.ask": (
        "Ask that an account's decryption keys be brought back (with --as, as the first officer).",
        "Đề nghị phục hồi khóa giải mã của một tài khoản (dùng --as, cán bộ thứ nhất).",
    ),
    "escrow.approve": (
        "Approve a recovery (with --as, as the second officer).",
        "Duyệt yêu cầu phục hồi (dùng --as, cán bộ thứ hai).",
    ),
    "escrow.refuse": ("Refuse a recovery (with --as).", "Từ chối yêu cầu phục hồi (dùng --as)."),
    "escrow.errand": (
        "Write what the holders of shares are to open, of an approved recovery, into FILE.",
        "Ghi vào FILE những gì cần những người giữ phần khóa mở, sau khi yêu cầu được duyệt.",
    ),
    "escrow.open": (
        "With shares, on the machine without network: open ERRAND, and write what goes back into ANSWER.",
        "Trên máy không nối mạng, dùng các phần khóa mở ERRAND và ghi kết quả vào ANSWER.",
    ),
    "escrow.restore": ("Enter what came back in ANSWER.", "Nhập kết quả phục hồi trong ANSWER."),
    "escrow.shares": ("How many shares.", "Số phần khóa."),
    "escrow.needed": ("How many of them open it.", "Số phần cần để mở."),
    "escrow.too-few": (
        "--needed must not be more than --shares",
        "--needed không được lớn hơn --shares",
    ),
    "escrow.share": ("File with a share; one option for each.", "Tệp chứa một phần khóa; mỗi phần một tùy chọn."),
    "escrow.why": ("Why; its owner is told.", "Lý do; chủ khóa được thông báo."),
    "escrow.key": (
        "Name of the recovery key.  [default: the last one used]",
        "Tên khóa phục hồi.  [mặc định: khóa dùng gần nhất]",
    ),
    "escrow.created": (
        "Recovery key {name}: {folder} has {shares} shares, any {needed} of which open it. Give each to another holder,"
        " take recovery.pub to the server, and keep no copy.",
        "Khóa phục hồi {name}: {folder} có {shares} phần, cần {needed} phần để mở. Trao mỗi phần cho một người giữ,"
        " mang recovery.pub sang máy chủ, không giữ bản sao.",
    ),
    "escrow.installed": (
        "Decryption keys are escrowed to {name} from now on.",
        "Từ nay khóa giải mã được lưu ký với {name}.",
    ),
    "escrow.asked": (
        "Recovery {recovery} waits for another officer: citymail --as LOGIN ca escrow approve {recovery}",
        "Yêu cầu {recovery} chờ cán bộ thứ hai: citymail --as LOGIN ca escrow approve {recovery}",
    ),
    "escrow.decided": ("Recovery {recovery}: {state}.", "Yêu cầu {recovery}: {state}."),
    "escrow.to-open": (
        "{login}, {count} keys; asked for by {asked_by}, approved by {approved_by}: {reason}",
        "{login}, {count} khóa; người đề nghị {asked_by}, người duyệt {approved_by}: {reason}",
    ),
    "escrow.restored": ("{count} keys of {login} are back.", "Đã phục hồi {count} khóa của {login}."),
    "state.open": ("waits for the second officer", "chờ cán bộ thứ hai"),
    "state.refused": ("refused", "bị từ chối"),
    "column.key": ("key", "khóa"),
    "column.needed": ("needed", "cần"),
    "column.recovery": ("recovery", "yêu cầu"),
}
