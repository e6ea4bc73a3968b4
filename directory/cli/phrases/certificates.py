"""What ``citymail ca`` says."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "ca.help": ("The city's certificate authority and everybody's certificates.", "Nơi cấp chứng thư và chứng thư số."),
    "ca.root": (
        "Found the root in FOLDER, on a machine without network; put the folder into the safe.",
        "Lập gốc trong FOLDER, trên máy không nối mạng; sau đó cất thư mục vào két.",
    ),
    "ca.sign": (
        "With the root in FOLDER, sign what `ca init` asks for in REQUEST; the certificate goes into FILE.",
        "Dùng gốc trong FOLDER ký yêu cầu REQUEST do `ca init` lập; chứng thư ghi vào FILE.",
    ),
    "ca.root-crl": (
        "With the root in FOLDER, make its revocation list anew; twice a year, and to revoke an authority.",
        "Dùng gốc trong FOLDER lập lại danh sách thu hồi; mỗi năm hai lần, hoặc khi thu hồi một nơi cấp.",
    ),
    "ca.init": (
        "Make the issuing authority's key, and the request that the root is to sign.",
        "Tạo khóa của nơi cấp và yêu cầu để gốc ký.",
    ),
    "ca.install": (
        "Begin to issue with CERTIFICATE, which the root has signed.",
        "Bắt đầu cấp bằng CERTIFICATE đã được gốc ký.",
    ),
    "ca.take-crl": ("Take in a revocation list of the root.", "Nạp danh sách thu hồi của gốc."),
    "ca.crl": ("Make the revocation lists that are due.", "Lập các danh sách thu hồi đến hạn."),
    "ca.status": (
        "Authorities, lists, certificates and whom we trust.",
        "Nơi cấp, danh sách, chứng thư và các nơi được tin cậy.",
    ),
    "ca.list": ("The certificates of an account.", "Chứng thư của một tài khoản."),
    "ca.issue": (
        "Give accounts their certificates: those named, or with --all everybody who lacks one.",
        "Cấp chứng thư cho các tài khoản nêu tên, hoặc với --all cho mọi người còn thiếu.",
    ),
    "ca.renew": (
        "Give an account new certificates at once, in place of those it has.",
        "Cấp ngay chứng thư mới cho một tài khoản, thay cho chứng thư đang có.",
    ),
    "ca.revoke": (
        "Revoke all certificates of an account, or the one with this number or fingerprint.",
        "Thu hồi mọi chứng thư của một tài khoản, hoặc chứng thư có số hay dấu vân tay này.",
    ),
    "ca.import": (
        "Take in certificates that another authority has issued to people here, and its intermediate ones.",
        "Nạp chứng thư do nơi khác cấp cho người ở đây, cùng chứng thư trung gian của nơi đó.",
    ),
    "ca.trust": ("Trust another authority.", "Tin cậy một nơi cấp khác."),
    "ca.distrust": ("Trust it no more: by name or fingerprint.", "Thôi tin cậy: theo tên hoặc dấu vân tay."),
    "ca.import-pkcs12": (
        "Take in a key and its certificate that another authority has issued.",
        "Nạp khóa và chứng thư do nơi khác cấp.",
    ),
    "ca.name": ("The authority's name.", "Tên nơi cấp."),
    "ca.organization": ("The organization in its name.", "Tên tổ chức."),
    "ca.key": ("Kind of the key.", "Loại khóa."),
    "ca.host": (
        "Host that serves the root's list ([pki] host); it stands in what the root signs.",
        "Máy phục vụ danh sách của gốc ([pki] host); được ghi trong những gì gốc ký.",
    ),
    "ca.passphrase-file": ("File with the passphrase.  [default: asked for]", "Tệp chứa mật khẩu.  [mặc định: hỏi]"),
    "ca.passphrase": ("Passphrase", "Mật khẩu"),
    "ca.place": (
        "Where the key lies: file:NAME, or pkcs11:token=TOKEN;object=NAME.",
        "Nơi giữ khóa: file:NAME, hoặc pkcs11:token=TOKEN;object=NAME.",
    ),
    "ca.root-file": ("The root's certificate.", "Chứng thư của gốc."),
    "ca.crl-file": ("The root's revocation list.", "Danh sách thu hồi của gốc."),
    "ca.anew": ("Though none is due.", "Dù chưa đến hạn."),
    "ca.all": ("Everybody who lacks one.", "Mọi người còn thiếu."),
    "ca.threads": ("Keys made at a time.", "Số khóa tạo cùng lúc."),
    "ca.why": ("Why.", "Lý do."),
    "ca.revoked-certificate": ("Certificate to revoke.", "Chứng thư cần thu hồi."),
    "ca.owner": ("Whose it is.  [default: by its addresses]", "Của ai.  [mặc định: theo địa chỉ]"),
    "ca.purpose": ("Only for this purpose.", "Chỉ cho mục đích này."),
    "ca.domain": ("Only for this mail domain and below.", "Chỉ cho tên miền thư này và cấp dưới."),
    "ca.unlisted": (
        "It does not list revocations of all that it issues.",
        "Nơi này không công bố thu hồi cho mọi chứng thư đã cấp.",
    ),
    "ca.trust-name": ("What to call it.  [default: its subject]", "Tên gọi.  [mặc định: tên chủ thể]"),
    "ca.founded": ("{subject}\nSHA-256 {fingerprint}", "{subject}\nSHA-256 {fingerprint}"),
    "ca.requested": (
        "{file} is to be signed by the root: citymail ca sign FOLDER {file} issuing.pem --host {host}",
        "Cần gốc ký {file}: citymail ca sign FOLDER {file} issuing.pem --host {host}",
    ),
    "ca.installed": ("{subject} issues from now on.", "{subject} bắt đầu cấp chứng thư."),
    "ca.listed": ("{kind} list {number} until {until}", "Danh sách {kind} số {number} đến {until}"),
    "ca.nothing-due": ("No list is due.", "Không có danh sách đến hạn."),
    "ca.issued": (
        "{issued} certificates issued, {revoked} revoked, {failed} impossible, of {accounts} accounts.",
        "Đã cấp {issued}, thu hồi {revoked}, không cấp được {failed}, trong {accounts} tài khoản.",
    ),
    "ca.was-revoked": ("{count} certificates revoked.", "Đã thu hồi {count} chứng thư."),
    "ca.imported": ("{subject}: {purposes}", "{subject}: {purposes}"),
    "ca.noted": ("{subject} is noted as an authority between.", "Đã ghi nhận nơi cấp trung gian {subject}."),
    "ca.trusted": ("{name} is trusted.", "Đã tin cậy {name}."),
    "ca.distrusted": ("{name} is trusted no more.", "Đã thôi tin cậy {name}."),
    "ca.written": ("{file} is written.", "Đã ghi {file}."),
    "ca.crl-old": (
        "The root's list ends on {until}: open the safe (`citymail ca root-crl`).",
        "Danh sách của gốc hết hạn ngày {until}: cần mở két (`citymail ca root-crl`).",
    ),
    "kind.signing": ("signing", "ký"),
    "kind.encryption": ("encryption", "mã hóa"),
    "column.authority": ("authority", "nơi cấp"),
    "column.purpose": ("purpose", "mục đích"),
    "column.serial": ("serial", "số"),
    "column.fingerprint": ("SHA-256", "vân tay SHA-256"),
    "column.domains": ("domains", "tên miền"),
    "column.count": ("count", "số lượng"),
    "column.list": ("list", "danh sách"),
    "state.superseded": ("superseded", "đã thay thế"),
    "state.revoked": ("revoked", "đã thu hồi"),
}
