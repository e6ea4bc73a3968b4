"""The kinds of units and the positions that every city of the country has, so that a new installation can begin.

They are data like any other from then on: corrected and added to by ``citymail unit define-type`` and
``official define-position``.

Sources: Luật Tổ chức chính quyền địa phương 2025 (two tiers since 2025-07-01), Nghị định 45/2025/NĐ-CP (bodies of a
province), Thông tư 13/2022/TT-BNV (officials' ranks).
"""

from __future__ import annotations

from directory.database import Writing
from directory.staff.postings import add_position, positions
from directory.staff.unit_types import define_type, types

REUNITED = "1976-07-02"
DISTRICTS_ENDED = "2025-06-30"
COMMUNES_BEGAN = "2025-07-01"

# code, name, English, first day, last day
UNIT_TYPES = (
    ("city", "Thành phố trực thuộc trung ương", "Centrally run city", REUNITED, None),
    ("province", "Tỉnh", "Province", REUNITED, None),
    ("council", "Hội đồng nhân dân", "People's Council", REUNITED, None),
    ("committee", "Ủy ban nhân dân", "People's Committee", REUNITED, None),
    ("office", "Văn phòng", "Office", REUNITED, None),
    ("department", "Sở", "Department", REUNITED, None),
    ("board", "Ban", "Board", REUNITED, None),
    ("sector", "Ngành", "Sector agency", REUNITED, None),
    ("sub-department", "Chi cục", "Sub-department", REUNITED, None),
    ("centre", "Trung tâm", "Centre", REUNITED, None),
    ("division", "Phòng", "Division", REUNITED, None),
    ("team", "Tổ", "Team", REUNITED, None),
    ("district", "Quận", "Urban district", REUNITED, DISTRICTS_ENDED),
    ("rural-district", "Huyện", "Rural district", REUNITED, DISTRICTS_ENDED),
    ("district-city", "Thành phố thuộc thành phố", "City within the city", "2021-01-01", DISTRICTS_ENDED),
    ("town", "Thị xã", "Town", REUNITED, DISTRICTS_ENDED),
    ("township", "Thị trấn", "Township", REUNITED, DISTRICTS_ENDED),
    ("ward", "Phường", "Ward", REUNITED, None),
    ("commune", "Xã", "Commune", REUNITED, None),
    ("special-zone", "Đặc khu", "Special zone", COMMUNES_BEGAN, None),
)

# code, title, English, protocol rank, clerk
POSITIONS = (
    ("CT-TP", "Chủ tịch UBND Thành phố", "Chairman of the City People's Committee", 1, False),
    ("PCT-TP", "Phó Chủ tịch UBND Thành phố", "Vice Chairman of the City People's Committee", 3, False),
    ("CVP", "Chánh Văn phòng", "Chief of Office", 8, False),
    ("GD", "Giám đốc", "Director", 10, False),
    ("TB", "Trưởng ban", "Head of Board", 10, False),
    ("CHT", "Chánh Thanh tra", "Chief Inspector", 10, False),
    ("PCVP", "Phó Chánh Văn phòng", "Deputy Chief of Office", 14, False),
    ("PGD", "Phó Giám đốc", "Deputy Director", 15, False),
    ("PTB", "Phó Trưởng ban", "Deputy Head of Board", 15, False),
    ("PCHT", "Phó Chánh Thanh tra", "Deputy Chief Inspector", 15, False),
    ("CT", "Chủ tịch", "Chairman", 20, False),
    ("CT-P", "Chủ tịch UBND phường", "Ward Chairman", 20, False),
    ("CT-X", "Chủ tịch UBND xã", "Commune Chairman", 20, False),
    ("CT-DK", "Chủ tịch UBND đặc khu", "Special Zone Chairman", 20, False),
    ("CCT", "Chi cục trưởng", "Head of Sub-department", 22, False),
    ("PCT", "Phó Chủ tịch", "Vice Chairman", 25, False),
    ("PCT-P", "Phó Chủ tịch UBND phường", "Ward Vice Chairman", 25, False),
    ("PCT-X", "Phó Chủ tịch UBND xã", "Commune Vice Chairman", 25, False),
    ("PCT-DK", "Phó Chủ tịch UBND đặc khu", "Special Zone Vice Chairman", 25, False),
    ("PCCT", "Phó Chi cục trưởng", "Deputy Head of Sub-department", 26, False),
    ("TP", "Trưởng phòng", "Head of Division", 30, False),
    ("PTP", "Phó Trưởng phòng", "Deputy Head of Division", 35, False),
    ("TT", "Tổ trưởng", "Team Leader", 40, False),
    ("CVCC", "Chuyên viên cao cấp", "Senior Officer", 45, False),
    ("CVC", "Chuyên viên chính", "Principal Officer", 50, False),
    ("TTV", "Thanh tra viên", "Inspector", 55, False),
    ("CV", "Chuyên viên", "Officer", 60, False),
    ("CS", "Cán sự", "Assistant Officer", 65, False),
    ("KT", "Kế toán", "Accountant", 65, False),
    ("VT", "Văn thư", "Records Clerk", 70, True),
    ("NV", "Nhân viên", "Staff", 80, False),
)


def lay_out(conn: Writing, actor: str) -> None:
    """Enter what is not there yet; what is stays as it is."""
    known_types = {row["code"] for row in types(conn)}
    for code, name, english, valid_from, valid_until in UNIT_TYPES:
        if code not in known_types:
            define_type(conn, actor, code, name, english, valid_from, valid_until)
    known_positions = {position.code for position in positions(conn).values()}
    for code, title, english, rank, is_clerk in POSITIONS:
        if code not in known_positions:
            add_position(conn, actor, code=code, title=title, title_en=english, rank=rank, is_clerk=is_clerk)


def is_bare(conn: Writing) -> bool:
    """Whether nobody has entered any kind of unit or position yet."""
    return not types(conn) and not positions(conn)
