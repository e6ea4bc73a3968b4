"""Why something with certificates and keys is refused: code → (kind, English, Vietnamese)."""

from __future__ import annotations

from directory.fault_texts.kinds import Texts

TEXTS: Texts = {
    "account-idle": (
        "invalid",
        "the account {account} is locked or closed, and gets no certificates",
        "tài khoản {account} đang bị khóa hoặc đã đóng, không được cấp chứng thư",
    ),
    "certificate-unknown": (
        "unknown",
        "there is no certificate {certificate}, or more than one",
        "không có chứng thư {certificate}, hoặc có nhiều hơn một",
    ),
    "certificate-exists": ("exists", "the certificate of {subject} is here already", "đã có chứng thư của {subject}"),
    "certificate-nobodys": (
        "unknown",
        "nobody here has an address that the certificate of {subject} names ({addresses})",
        "không ai ở đây có địa chỉ ghi trong chứng thư của {subject} ({addresses})",
    ),
    "certificate-unfit": (
        "invalid",
        "the certificate of {subject} cannot be used: {why}",
        "không dùng được chứng thư của {subject}: {why}",
    ),
    "certificate-unvouched": (
        "invalid",
        "nobody whom the city trusts vouches for the certificate of {subject}",
        "không cơ quan nào được thành phố tin cậy bảo đảm cho chứng thư của {subject}",
    ),
    "certificate-over": (
        "invalid",
        "the certificate of {subject} has expired",
        "chứng thư của {subject} đã hết hạn",
    ),
    "certificate-of-another": (
        "invalid",
        "the certificate of {subject} is not for {account}",
        "chứng thư của {subject} không dành cho {account}",
    ),
    "issuer-none": (
        "unknown",
        "there is no certificate authority yet (`citymail ca init`)",
        "chưa có nơi cấp chứng thư (`citymail ca init`)",
    ),
    "issuer-exists": ("exists", "the authority {subject} is here already", "đã có nơi cấp {subject}"),
    "issuer-foreign": (
        "invalid",
        "{subject} was not issued by that root",
        "{subject} không phải do gốc đó cấp",
    ),
    "issuer-unfit": (
        "invalid",
        "{subject} may not issue certificates, or has ended",
        "{subject} không được quyền cấp chứng thư, hoặc đã hết hạn",
    ),
    "issuer-key": (
        "invalid",
        "the key in {place} is not the authority's",
        "khóa tại {place} không phải của nơi cấp",
    ),
    "crl-unfit": (
        "invalid",
        "this revocation list cannot be used: {why}",
        "không dùng được danh sách thu hồi này: {why}",
    ),
    "anchor-unknown": ("unknown", "{anchor} is not trusted", "{anchor} không nằm trong danh sách tin cậy"),
    "key-unusable": ("invalid", "the key cannot be used: {why}", "không dùng được khóa: {why}"),
    "key-refused": ("invalid", "the key process refuses: {why}", "tiến trình giữ khóa từ chối: {why}"),
    "recovery-key-exists": ("exists", "the recovery key {key} is here already", "đã có khóa phục hồi {key}"),
    "recovery-unknown": ("unknown", "there is no recovery {recovery}", "không có yêu cầu phục hồi {recovery}"),
    "recovery-reason": ("invalid", "a recovery needs a reason", "phục hồi khóa phải có lý do"),
    "recovery-nothing": (
        "unknown",
        "nothing of {account} waits in escrow under that recovery key (where nobody opens what is here:"
        " `citymail key give-up`)",
        "không có khóa nào của {account} chờ phục hồi với khóa phục hồi đó (nếu khóa hiện có không ai mở được:"
        " `citymail key give-up`)",
    ),
    "recovery-asked": (
        "exists",
        "a recovery for {account} waits already",
        "đã có yêu cầu phục hồi cho {account} đang chờ",
    ),
    "recovery-officer": (
        "invalid",
        "a recovery is asked for and approved by administrators who sign in (--as), and not by whose keys they are",
        "người đề nghị và người duyệt phục hồi phải là quản trị viên đăng nhập bằng --as, và không phải chủ của khóa",
    ),
    "recovery-second": (
        "invalid",
        "whoever asked for {recovery} cannot approve it: another officer has to",
        "người đề nghị {recovery} không được tự duyệt: cần một người khác",
    ),
    "recovery-decided": (
        "invalid",
        "{recovery} is decided already ({state})",
        "{recovery} đã có quyết định ({state})",
    ),
    "recovery-not-approved": (
        "invalid",
        "{recovery} is not approved ({state})",
        "{recovery} chưa được duyệt ({state})",
    ),
    "recovery-other-pair": (
        "invalid",
        "this was opened for other keys than {account} has today: take the file of the recovery anew",
        "tệp này mở cho bộ khóa khác với bộ khóa {account} đang có: hãy xuất lại tệp phục hồi",
    ),
    "recovery-no-pair": ("unknown", "{account} has no keys", "{account} không có khóa"),
}
