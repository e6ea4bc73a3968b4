"""What ``citymail alias`` and ``citymail group`` say."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "alias.help": (
        "Further addresses, redirects, addresses that lead outside.",
        "Bí danh, chuyển hướng và địa chỉ dẫn ra ngoài.",
    ),
    "group.help": ("Addresses that reach many.", "Địa chỉ nhóm."),
    "alias.add": (
        "Add ADDRESS, leading to TARGET: an address of ours or one outside.",
        "Thêm ADDRESS dẫn tới TARGET: địa chỉ nội bộ hoặc bên ngoài.",
    ),
    "alias.show": ("Where an alias or redirect leads.", "Bí danh hoặc chuyển hướng dẫn tới đâu."),
    "alias.list": ("List aliases and redirects.", "Liệt kê bí danh và chuyển hướng."),
    "alias.retired": ("Those no longer in use too.", "Cả những địa chỉ đã ngừng."),
    "alias.search": (
        "Aliases whose address or target contains TEXT, those no longer in use too.",
        "Bí danh có địa chỉ hoặc đích chứa TEXT, cả đã ngừng.",
    ),
    "alias.remove": (
        "Retire an alias or redirect; nobody else ever gets it.",
        "Ngừng bí danh hoặc chuyển hướng; không cấp lại cho người khác.",
    ),
    "alias.added": ("{address} leads to {target}.", "{address} dẫn tới {target}."),
    "alias.removed": ("{address} is no longer in use.", "Đã ngừng {address}."),
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
    "group.set": (
        "Change name, posting rule, who may write, moderation, and who sees the members.",
        "Đổi tên, quy tắc gửi, người được gửi, kiểm duyệt và ẩn thành viên.",
    ),
    "group.remove": ("Remove a group; its address goes out of use.", "Xóa nhóm; địa chỉ ngừng sử dụng."),
    "group.name": ("The name it shows.", "Tên hiển thị."),
    "group.posting": ("Who may write to it.", "Ai được gửi tới nhóm."),
    "group.poster": (
        "Who may write where posting is 'named': a person or a group (may be repeated; replaces the list).",
        "Người được gửi khi quy tắc là 'named' (có thể lặp lại; thay danh sách cũ).",
    ),
    "group.poster-unit": (
        "Beside them: whoever holds a post in this unit or below it (may be repeated).",
        "Thêm: mọi người giữ chức vụ trong đơn vị này hoặc bên dưới (có thể lặp lại).",
    ),
    "group.unit": (
        "The unit whose administrators look after it; '' for the city's.",
        "Đơn vị có quản trị viên phụ trách nhóm; '' là của thành phố.",
    ),
    "group.moderated": (
        "Whether moderators must let each message pass.",
        "Thư gửi nhóm có phải chờ người kiểm duyệt không.",
    ),
    "group.moderator": (
        "Who decides (may be repeated; replaces the list).",
        "Người kiểm duyệt (có thể lặp lại; thay cả danh sách).",
    ),
    "group.no-moderator": (
        "Nobody by name: list moderators of the unit decide.",
        "Không chỉ định: người kiểm duyệt nhóm của đơn vị quyết định.",
    ),
    "group.hide-members": (
        "Whether only its administrators see the members.",
        "Chỉ quản trị viên của nhóm thấy thành viên.",
    ),
    "group.is-moderated": ("each message waits for a moderator", "mỗi thư chờ người kiểm duyệt"),
    "group.is-hidden": ("only administrators see the members", "chỉ quản trị viên thấy thành viên"),
    "column.moderation": ("moderation", "kiểm duyệt"),
    "column.moderators": ("moderators", "người kiểm duyệt"),
    "column.hidden": ("hidden", "ẩn"),
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
}
