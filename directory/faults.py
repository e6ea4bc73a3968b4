"""Why the directory refuses to do something.

A fault has a code, a text in each language and the values to put in, so that the command line, the webmail
and later doors each say it in the reader's language.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from directory.fault_texts import administration, certificates
from directory.fault_texts.kinds import Kind, Texts

if TYPE_CHECKING:
    from directory.database import Writing

_TEXTS: Texts = {
    **administration.TEXTS,
    **certificates.TEXTS,
    "unit-unknown": ("unknown", "there is no unit {unit}", "không có đơn vị {unit}"),
    "unit-ambiguous": (
        "invalid",
        "{unit} names more than one unit: {candidates}",
        "{unit} chỉ nhiều hơn một đơn vị: {candidates}",
    ),
    "unit-closed": ("invalid", "the unit {unit} ended on {day}", "đơn vị {unit} đã kết thúc ngày {day}"),
    "unit-exists": ("exists", "there already is a unit {unit}", "đã có đơn vị {unit}"),
    "unit-cycle": ("invalid", "{unit} would lie below itself", "{unit} sẽ nằm dưới chính nó"),
    "unit-occupied": (
        "in-use",
        "the unit {unit} still has {count} officials, units or mailboxes",
        "đơn vị {unit} còn {count} cán bộ, đơn vị trực thuộc hoặc hộp thư",
    ),
    "unit-type-unknown": (
        "unknown",
        "there is no unit type {type}; `citymail unit types` lists them, `unit define-type` makes one",
        "không có loại đơn vị {type}; xem `citymail unit types`, khai báo bằng `unit define-type`",
    ),
    "unit-type-not-valid": (
        "invalid",
        "units of type {type} do not exist on {day}",
        "ngày {day} không có loại đơn vị {type}",
    ),
    "label-exists": ("exists", "there already is a label {name}", "đã có nhãn {name}"),
    "label-unknown": ("unknown", "there is no label {name}", "không có nhãn {name}"),
    "correspondents-many": (
        "invalid",
        "there are {limit} certificates of people outside already, the most there may be: forget some",
        "đã giữ {limit} chứng thư của người ngoài, mức tối đa: hãy bỏ bớt",
    ),
    "labels-many": (
        "invalid",
        "there are {limit} labels already, the most there may be",
        "đã có {limit} nhãn, mức tối đa",
    ),
    "identity-not-own": (
        "invalid",
        "you may not write from {address}",
        "bạn không được viết thư từ địa chỉ {address}",
    ),
    "identity-name-address": ("invalid", "a name shows no address", "tên hiển thị không được chứa địa chỉ thư"),
    "identity-name-taken": ("invalid", "{name} is a colleague's name", "{name} là tên của một đồng nghiệp"),
    "identity-reply-to": (
        "invalid",
        "answers stay in the city: {address} is none of its addresses",
        "thư trả lời phải về thành phố: {address} không phải là địa chỉ của thành phố",
    ),
    "contact-exists": ("exists", "{address} is among the contacts already", "{address} đã có trong danh bạ"),
    "contact-unknown": ("unknown", "{address} is not among the contacts", "{address} không có trong danh bạ"),
    "contacts-many": (
        "invalid",
        "there are {limit} contacts already, the most there may be",
        "đã có {limit} liên hệ, mức tối đa",
    ),
    "contact-group-exists": (
        "exists",
        "there already is a group of contacts {name}",
        "đã có nhóm liên hệ {name}",
    ),
    "contact-group-unknown": ("unknown", "there is no group of contacts {name}", "không có nhóm liên hệ {name}"),
    "contact-group-empty": ("invalid", "a group says who is in it", "chưa nêu ai ở trong nhóm"),
    "contact-group-large": (
        "invalid",
        "a group has {limit} contacts at most",
        "một nhóm có nhiều nhất {limit} liên hệ",
    ),
    "contact-groups-many": (
        "invalid",
        "there are {limit} groups of contacts already, the most there may be",
        "đã có {limit} nhóm liên hệ, mức tối đa",
    ),
    "card-without-address": ("invalid", "{name} has no address", "{name} không có địa chỉ thư"),
    "cards-many": (
        "invalid",
        "a file brings {limit} contacts at most",
        "một tệp đưa vào nhiều nhất {limit} liên hệ",
    ),
    "search-empty": ("invalid", "a search says what to look for", "chưa nêu điều cần tìm"),
    "search-exists": ("exists", "there already is a saved search {name}", "đã có tìm kiếm được lưu tên {name}"),
    "search-unknown": ("unknown", "there is no saved search {name}", "không có tìm kiếm được lưu tên {name}"),
    "absence-over": (
        "invalid",
        "the last day {day} is over, or before the first",
        "ngày cuối {day} đã qua hoặc trước ngày đầu",
    ),
    "absence-long": ("invalid", "an absence is of at most {limit} days", "thời gian vắng mặt tối đa {limit} ngày"),
    "absence-unknown": ("unknown", "{account} is not away", "{account} không có lịch vắng mặt"),
    "absence-substitute": (
        "invalid",
        "{address} is no address of somebody else in the city who could stand in",
        "{address} không phải địa chỉ của người khác trong thành phố để làm thay",
    ),
    "template-exists": ("exists", "there already is a template {name}", "đã có mẫu thư {name}"),
    "template-unknown": ("unknown", "there is no template {name}", "không có mẫu thư {name}"),
    "templates-many": (
        "invalid",
        "there are {limit} templates already, the most there may be",
        "đã có {limit} mẫu thư, mức tối đa",
    ),
    "searches-many": (
        "invalid",
        "there are {limit} saved searches already, the most there may be",
        "đã lưu {limit} tìm kiếm, mức tối đa",
    ),
    "second-factor-on": ("exists", "two-step sign-in is on already", "xác thực hai bước đã được bật"),
    "second-factor-off": ("unknown", "two-step sign-in is not on", "xác thực hai bước chưa được bật"),
    "security-keys-many": ("invalid", "there are {most} security keys already", "đã có đủ {most} khóa bảo mật"),
    "security-key-answer": (
        "invalid",
        "the security key did not answer as asked",
        "khóa bảo mật không trả lời đúng yêu cầu",
    ),
    "security-key-known": ("exists", "this security key is in use already", "khóa bảo mật này đã được dùng"),
    "security-key-unknown": ("unknown", "no such security key", "không có khóa bảo mật này"),
    "second-factor-code": ("invalid", "the code is not right", "mã xác thực không đúng"),
    "position-unknown": (
        "unknown",
        "there is no position {position}; `citymail official positions` lists them, `define-position` makes one",
        "không có chức vụ {position}; xem `citymail official positions`, khai báo bằng `define-position`",
    ),
    "position-exists": ("exists", "there already is a position {position}", "đã có chức vụ {position}"),
    "position-common": (
        "invalid",
        "more than {limit} hold the position {position}; name a unit",
        "hơn {limit} người giữ chức vụ {position}; hãy chọn một đơn vị",
    ),
    "official-unknown": ("unknown", "there is no official {official}", "không có cán bộ {official}"),
    "employee-code-exists": (
        "exists",
        "the employee code {code} belongs to {login}",
        "mã cán bộ {code} đã thuộc về {login}",
    ),
    "appointment-unknown": (
        "unknown",
        "{official} holds no such post in {unit}",
        "{official} không giữ chức vụ đó tại {unit}",
    ),
    "appointment-exists": (
        "exists",
        "{official} already holds that post in {unit}",
        "{official} đã giữ chức vụ đó tại {unit}",
    ),
    "account-unknown": ("unknown", "there is no mailbox {account}", "không có hộp thư {account}"),
    "account-closed": ("invalid", "the mailbox {account} is closed", "hộp thư {account} đã đóng"),
    "account-not-closed": ("invalid", "the mailbox {account} is not closed", "hộp thư {account} chưa đóng"),
    "domain-unknown": ("unknown", "{domain} is not a domain of the city", "{domain} không phải tên miền của thành phố"),
    "domain-exists": ("exists", "{domain} is a domain of the city already", "{domain} đã là tên miền của thành phố"),
    "address-malformed": ("invalid", "{address} is not an address", "{address} không phải địa chỉ thư"),
    "address-taken": (
        "exists",
        "the address {address} was given out already",
        "địa chỉ {address} đã được cấp",
    ),
    "address-reserved": (
        "invalid",
        "the address {address} is reserved for a function",
        "địa chỉ {address} dành cho chức năng hệ thống",
    ),
    "address-unknown": ("unknown", "there is no address {address}", "không có địa chỉ {address}"),
    "address-primary": (
        "invalid",
        "{address} is the primary address of {account}",
        "{address} là địa chỉ chính của {account}",
    ),
    "alias-unknown": ("unknown", "there is no alias {address}", "không có bí danh {address}"),
    "alias-loop": ("invalid", "{address} would lead back to itself", "{address} sẽ dẫn về chính nó"),
    "group-unknown": ("unknown", "there is no group {group}", "không có nhóm {group}"),
    "group-cycle": ("invalid", "{group} would contain itself", "nhóm {group} sẽ chứa chính nó"),
    "member-unknown": ("unknown", "{member} is not a member of {group}", "{member} không thuộc nhóm {group}"),
    "password-empty": ("invalid", "the password is empty", "mật khẩu trống"),
    "password-short": (
        "invalid",
        "the password is too short: {least} characters or more",
        "mật khẩu quá ngắn: cần từ {least} ký tự",
    ),
    "password-plain": (
        "invalid",
        "the password is one of those that are guessed first",
        "mật khẩu quá phổ biến, dễ đoán",
    ),
    "password-personal": (
        "invalid",
        "the password is little more than the name or address",
        "mật khẩu gần như là tên hoặc địa chỉ thư",
    ),
    "password-long": ("invalid", "the password is too long", "mật khẩu quá dài"),
    "day-malformed": (
        "invalid",
        "{day} is not a date (2025-07-01 or 01/07/2025)",
        "{day} không phải ngày (01/07/2025)",
    ),
    "day-order": ("invalid", "{first} is after {second}", "{first} sau {second}"),
    "app-password-unknown": ("unknown", "there is no app password {name}", "không có mật khẩu ứng dụng {name}"),
    "app-password-exists": (
        "exists",
        "there already is an app password {name}",
        "đã có mật khẩu ứng dụng {name}",
    ),
    "app-passwords-many": (
        "invalid",
        "an account has {limit} app passwords at most; revoke one",
        "mỗi tài khoản có tối đa {limit} mật khẩu ứng dụng; hãy thu hồi bớt",
    ),
    "dkim-key-unknown": (
        "unknown",
        "there is no DKIM key {selector} of {domain}",
        "không có khóa DKIM {selector} của {domain}",
    ),
    "dkim-key-exists": (
        "exists",
        "the selector {selector} of {domain} was given out before; a selector never comes again",
        "selector {selector} của {domain} đã từng được dùng; không dùng lại",
    ),
    "dkim-key-unpublished": (
        "invalid",
        "the key {selector} of {domain} was not seen in the DNS yet; `citymail dkim check` looks",
        "chưa thấy khóa {selector} của {domain} trong DNS; hãy chạy `citymail dkim check`",
    ),
    "dkim-key-removed": (
        "invalid",
        "the key {selector} of {domain} was removed; make a new one",
        "khóa {selector} của {domain} đã bị xóa; hãy tạo khóa mới",
    ),
    "dkim-key-active": (
        "in-use",
        "the key {selector} of {domain} signs mail; retire it first",
        "khóa {selector} của {domain} đang ký thư; hãy ngừng dùng trước",
    ),
    "name-empty": ("invalid", "a name is missing", "thiếu tên"),
    "text-long": ("invalid", "{what} is longer than {limit} characters", "{what} dài hơn {limit} ký tự"),
    "line-not-utf8": ("invalid", "not UTF-8 text", "không phải văn bản UTF-8"),
    "line-encoding": (
        "invalid",
        "not UTF-8 but {encoding}; it probably reads “{reading}” (--encoding {encoding} reads it so)",
        "không phải UTF-8 mà là {encoding}; có lẽ là “{reading}” (dùng --encoding {encoding} để đọc)",
    ),
    "line-damaged": (
        "invalid",
        "“{found}” is {encoding} text; it probably reads “{reading}” (--encoding {encoding} reads it so)",
        "“{found}” là chữ mã {encoding}; có lẽ là “{reading}” (dùng --encoding {encoding} để đọc)",
    ),
    "line-malformed": ("invalid", "malformed line: {problem}", "dòng sai định dạng: {problem}"),
    "line-fields": ("invalid", "{found} fields instead of {wanted}", "có {found} trường thay vì {wanted}"),
    "line-nameless": ("invalid", "neither employee code nor address", "thiếu cả mã cán bộ lẫn địa chỉ thư"),
    "line-unit-and-position": (
        "invalid",
        "unit and position go together",
        "đơn vị và chức vụ phải đi cùng nhau",
    ),
    "line-conflict": (
        "invalid",
        "the database refused it; somebody changed the same at the same time",
        "cơ sở dữ liệu từ chối; có người khác thay đổi cùng lúc",
    ),
    "official-left": (
        "invalid",
        "{official} has left; bring back with 'official return'",
        "{official} đã nghỉ; dùng 'official return' để khôi phục",
    ),
    "file-empty": ("invalid", "{file} is empty", "tệp {file} trống"),
    "file-encoding": ("invalid", "{file} is not UTF-8 text", "tệp {file} không phải văn bản UTF-8"),
    "file-same": ("invalid", "{file} cannot be both read and written", "không thể vừa đọc vừa ghi {file}"),
    "column-unknown": ("invalid", "unknown columns: {columns}", "cột không rõ: {columns}"),
    "column-double": ("invalid", "column {column} stands there twice", "cột {column} bị lặp"),
    "column-missing": ("invalid", "no column for {columns}", "thiếu cột {columns}"),
    "plan-unknown": ("unknown", "there is no plan {plan}", "không có phương án {plan}"),
    "plan-file-missing": ("unknown", "the file {file} cannot be read", "không đọc được tệp {file}"),
    "plan-mistakes": ("invalid", "the plan has {count} mistakes", "phương án có {count} lỗi"),
    "plan-state": ("invalid", "the plan {plan} is {state}", "phương án {plan} đang ở trạng thái {state}"),
    "plan-author": (
        "invalid",
        "{actor} proposed this plan; somebody else must approve it",
        "{actor} là người lập phương án; phải do người khác duyệt",
    ),
    "plan-early": (
        "invalid",
        "the plan takes effect on {day}; it cannot be applied before",
        "phương án có hiệu lực từ {day}; chưa thể áp dụng",
    ),
    "photo-unknown": ("unknown", "there is no photo of {official}", "không có ảnh của {official}"),
    "photo-format": (
        "invalid",
        "the picture is not a whole JPEG or PNG",
        "ảnh không phải là tệp JPEG hoặc PNG nguyên vẹn",
    ),
    "photo-size": (
        "invalid",
        "the picture must have at most {octets} KiB and sides of {low} to {high} pixels",
        "ảnh chỉ được tối đa {octets} KiB, mỗi chiều từ {low} đến {high} điểm ảnh",
    ),
    "leave-overtaken": (
        "in-use",
        "what the leaving did was changed since: {what}; let the official return instead",
        "kết quả của việc nghỉ đã bị thay đổi sau đó: {what}; hãy dùng lệnh cho trở lại",
    ),
    "leave-unknown": (
        "unknown",
        "no leaving of {account} is ordered or can be taken back",
        "không có lệnh nghỉ nào của {account} đang chờ hoặc có thể hủy",
    ),
    "leave-ordered": (
        "exists",
        "{account} is to leave already, the last day is {day}",
        "{account} đã có lệnh nghỉ, ngày cuối là {day}",
    ),
    "custody-unknown": (
        "unknown",
        "nobody looks after the mail of {mailbox}",
        "không ai được giao giữ thư của {mailbox}",
    ),
    "custodian-invalid": (
        "invalid",
        "{account} cannot look after this mail",
        "không thể giao giữ thư này cho {account}",
    ),
    "head-unknown": (
        "unknown",
        "{unit} has no head who could look after this mail; name somebody",
        "{unit} không có người đứng đầu để giao giữ thư; hãy nêu rõ một người",
    ),
    "plan-overtaken": (
        "in-use",
        "what the plan made was changed since: {what}; make a new plan instead",
        "kết quả của phương án đã bị thay đổi sau đó: {what}; hãy lập phương án mới",
    ),
    "plan-empty": ("invalid", "the plan has no steps", "phương án không có việc nào"),
    "plan-key-unknown": ("invalid", "{key} means nothing in a plan", "{key} không có nghĩa trong phương án"),
    "plan-value-missing": ("invalid", "{what} is missing", "thiếu {what}"),
    "plan-value-idle": ("invalid", "{what} means nothing here", "{what} không có nghĩa ở đây"),
    "plan-unit-twice": (
        "invalid",
        "{unit} already has a step that excludes this one, in line {line}",
        "{unit} đã có việc khác không thể đi cùng, ở dòng {line}",
    ),
    "plan-unit-ends": ("invalid", "{unit} ends by this plan", "{unit} kết thúc theo phương án này"),
    "plan-unit-later": (
        "invalid",
        "{unit} has changes dated {day}, on or after the day of the plan",
        "{unit} đã có thay đổi từ ngày {day}, không trước ngày của phương án",
    ),
    "plan-split-rest": (
        "invalid",
        "of the parts of {unit} exactly one must take the rest (no positions)",
        "trong các phần của {unit} phải có đúng một phần nhận số còn lại (để trống chức vụ)",
    ),
    "plan-nowhere": (
        "in-use",
        "{count} officials, units or mailboxes of {unit} have nowhere to go",
        "{count} cán bộ, đơn vị hoặc hộp thư của {unit} chưa có nơi chuyển đến",
    ),
    "plan-mailbox-none": (
        "invalid",
        "{unit} has no mailbox to redirect to",
        "{unit} không có hộp thư để chuyển hướng đến",
    ),
    "plan-official-elsewhere": (
        "invalid",
        "{official} holds no post in a unit that ends by this plan",
        "{official} không giữ chức vụ tại đơn vị nào kết thúc theo phương án này",
    ),
    "plan-official-posts": (
        "invalid",
        "{official} holds posts in several units that end; name one (from_unit)",
        "{official} giữ chức vụ tại nhiều đơn vị kết thúc; hãy ghi rõ một đơn vị (từ đơn vị)",
    ),
    "plan-official-twice": (
        "invalid",
        "{official} already goes elsewhere by line {line}",
        "{official} đã được chuyển ở dòng {line}",
    ),
    "removals-many": (
        "invalid",
        "{count} of {meant} officials are not in the file and would leave: if that is right, say --yes-remove {count}",
        "{count} trên {meant} cán bộ không có trong tệp và sẽ thôi việc: nếu đúng, thêm --yes-remove {count}",
    ),
    "removals-broken": (
        "invalid",
        "nobody leaves by a file of which line {line} cannot be read: {why}",
        "không cho ai thôi việc theo tệp có dòng {line} không đọc được: {why}",
    ),
    "groups-later": (
        "invalid",
        "{official} moves on {day}: memberships of groups have no dates and can be ended on the day only",
        "{official} điều chuyển từ {day}: tư cách thành viên nhóm không có thời hạn, chỉ kết thúc được khi đến ngày",
    ),
    "value-invalid": ("invalid", "{value} is no {what}", "{value} không phải {what}"),
}


class Fault(Exception):
    def __init__(self, code: str, /, **values: object) -> None:
        self.code = code
        self.values = values
        super().__init__(self.text("en"))

    @property
    def kind(self) -> Kind:
        return _TEXTS[self.code][0]

    def text(self, language: str = "en") -> str:
        _, english, vietnamese = _TEXTS[self.code]
        return (vietnamese if language == "vi" else english).format(**self.values)


class Refused(Fault):
    """What an administrator may not do, or not alone.  ``note`` writes down that he tried, after all else is undone."""

    def __init__(self, code: str, note: Callable[[Writing], None], /, **values: object) -> None:
        super().__init__(code, **values)
        self.note = note
