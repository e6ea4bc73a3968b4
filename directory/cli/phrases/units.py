"""What ``citymail unit`` says."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "unit.help": (
        "Units of the city, their names and parents over time.",
        "Đơn vị của Thành phố, tên và cấp trên qua thời gian.",
    ),
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
    "unit.type": (
        "Kind of unit: code or name (citymail unit types).",
        "Loại đơn vị: mã hoặc tên (citymail unit types).",
    ),
    "unit.type-from": ("Since when there are such units.", "Loại đơn vị có từ ngày."),
    "unit.type-until": ("The last day on which there were.", "Loại đơn vị có đến hết ngày."),
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
}
