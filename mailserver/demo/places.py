"""Ho Chi Minh City as the demo shows it: departments, the districts of old, and the units that followed them.

Names of places and of bodies are real; they are what an official of the city would look for.  Short names and codes
are ours.

Sources: Nghị quyết 1685/NQ-UBTVQH15 (commune-level units since 2025-07-01).
Limits: which parts of a district went where is simplified: a unit is listed under the district most of it came from.
"""

from __future__ import annotations

# short name, name, type, agency code
BODIES = (
    ("VPUB", "Văn phòng Ủy ban nhân dân Thành phố", "office", "H29.1"),
    ("SNV", "Sở Nội vụ", "department", "H29.2"),
    ("STC", "Sở Tài chính", "department", "H29.3"),
    ("SYT", "Sở Y tế", "department", "H29.4"),
    ("SGDĐT", "Sở Giáo dục và Đào tạo", "department", "H29.5"),
    ("SXD", "Sở Xây dựng", "department", "H29.6"),
    ("SNNMT", "Sở Nông nghiệp và Môi trường", "department", "H29.7"),
    ("SKHCN", "Sở Khoa học và Công nghệ", "department", "H29.8"),
    ("SCT", "Sở Công Thương", "department", "H29.9"),
    ("STP", "Sở Tư pháp", "department", "H29.10"),
    ("SVHTT", "Sở Văn hóa và Thể thao", "department", "H29.11"),
    ("SDL", "Sở Du lịch", "department", "H29.12"),
    ("SQHKT", "Sở Quy hoạch - Kiến trúc", "department", "H29.13"),
    ("SDTTG", "Sở Dân tộc và Tôn giáo", "department", "H29.14"),
    ("SATTP", "Sở An toàn thực phẩm", "department", "H29.15"),
    ("TTTP", "Thanh tra Thành phố", "sector", "H29.16"),
    ("HEPZA", "Ban Quản lý các Khu chế xuất và công nghiệp", "board", "H29.17"),
    ("MAUR", "Ban Quản lý Đường sắt đô thị", "board", "H29.18"),
    ("BQLKCNC", "Ban Quản lý Khu Công nghệ cao", "board", "H29.19"),
    ("TTCĐS", "Trung tâm Chuyển đổi số", "sector", "H29.20"),
)

# Departments that were merged into others on 2025-03-01: short name, name, successor
MERGED_BODIES = (
    ("SKHĐT", "Sở Kế hoạch và Đầu tư", "STC"),
    ("SGTVT", "Sở Giao thông vận tải", "SXD"),
    ("STNMT", "Sở Tài nguyên và Môi trường", "SNNMT"),
    ("STTTT", "Sở Thông tin và Truyền thông", "SKHCN"),
    ("SLĐTBXH", "Sở Lao động - Thương binh và Xã hội", "SNV"),
)
MERGED_ON = "2025-02-28"

# Divisions of a body; those without an entry have the first two of the default.
DIVISIONS = {
    "VPUB": ("Phòng Hành chính - Tổ chức", "Phòng Tổng hợp", "Phòng Kinh tế", "Phòng Văn xã", "Phòng Đô thị"),
    "SNV": ("Văn phòng Sở", "Phòng Công chức, viên chức", "Phòng Cải cách hành chính"),
    "STC": ("Văn phòng Sở", "Phòng Ngân sách", "Phòng Đầu tư công"),
    "SYT": ("Văn phòng Sở", "Phòng Nghiệp vụ Y", "Phòng Kế hoạch - Tài chính"),
    "SGDĐT": ("Văn phòng Sở", "Phòng Giáo dục Trung học", "Phòng Khảo thí"),
    "SXD": ("Văn phòng Sở", "Phòng Quản lý hạ tầng", "Phòng Vận tải"),
    "SKHCN": ("Văn phòng Sở", "Phòng Chuyển đổi số"),
    "TTCĐS": ("Phòng Hạ tầng và An toàn thông tin",),
}
DEFAULT_DIVISIONS = ("Văn phòng Sở",)

# The district-level units that ended, and what followed each of them.  A name with no prefix is a ward.
DISTRICTS = {
    "Quận 1": "Sài Gòn, Tân Định, Bến Thành, Cầu Ông Lãnh",
    "Quận 3": "Bàn Cờ, Xuân Hòa, Nhiêu Lộc",
    "Quận 4": "Xóm Chiếu, Khánh Hội, Vĩnh Hội",
    "Quận 5": "Chợ Quán, An Đông, Chợ Lớn",
    "Quận 6": "Bình Tây, Bình Tiên, Bình Phú, Phú Lâm",
    "Quận 7": "Tân Thuận, Phú Thuận, Tân Mỹ, Tân Hưng",
    "Quận 8": "Chánh Hưng, Phú Định, Bình Đông",
    "Quận 10": "Diên Hồng, Vườn Lài, Hòa Hưng",
    "Quận 11": "Minh Phụng, Bình Thới, Hòa Bình, Phú Thọ",
    "Quận 12": "Đông Hưng Thuận, Trung Mỹ Tây, Tân Thới Hiệp, Thới An, An Phú Đông",
    "Quận Bình Tân": "An Lạc, Bình Tân, Tân Tạo, Bình Trị Đông, Bình Hưng Hòa",
    "Quận Bình Thạnh": "Gia Định, Bình Thạnh, Bình Lợi Trung, Thạnh Mỹ Tây, Bình Quới",
    "Quận Gò Vấp": "Hạnh Thông, An Nhơn, Gò Vấp, An Hội Đông, Thông Tây Hội, An Hội Tây",
    "Quận Phú Nhuận": "Đức Nhuận, Cầu Kiệu, Phú Nhuận",
    "Quận Tân Bình": "Tân Sơn Hòa, Tân Sơn Nhất, Tân Hòa, Bảy Hiền, Tân Bình, Tân Sơn",
    "Quận Tân Phú": "Tây Thạnh, Tân Sơn Nhì, Phú Thọ Hòa, Tân Phú, Phú Thạnh",
    "Thành phố Thủ Đức": (
        "Hiệp Bình, Thủ Đức, Tam Bình, Linh Xuân, Tăng Nhơn Phú, Long Bình, Long Phước, Long Trường, Cát Lái, "
        "Bình Trưng, Phước Long, An Khánh"
    ),
    "Huyện Bình Chánh": (
        "Xã Vĩnh Lộc, Xã Tân Vĩnh Lộc, Xã Bình Lợi, Xã Tân Nhựt, Xã Bình Chánh, Xã Hưng Long, Xã Bình Hưng"
    ),
    "Huyện Củ Chi": ("Xã Củ Chi, Xã Tân An Hội, Xã Thái Mỹ, Xã An Nhơn Tây, Xã Nhuận Đức, Xã Phú Hòa Đông, Xã Bình Mỹ"),
    "Huyện Hóc Môn": "Xã Đông Thạnh, Xã Hóc Môn, Xã Xuân Thới Sơn, Xã Bà Điểm",
    "Huyện Nhà Bè": "Xã Nhà Bè, Xã Hiệp Phước",
    "Huyện Cần Giờ": "Xã Bình Khánh, Xã An Thới Đông, Xã Cần Giờ, Xã Thạnh An",
}

# What came with Bình Dương and Bà Rịa - Vũng Tàu, whose districts were never this city's.
JOINED = (
    "Đông Hòa, Dĩ An, Tân Đông Hiệp, An Phú, Bình Hòa, Lái Thiêu, Thuận An, Thuận Giao, Thủ Dầu Một, Phú Lợi, "
    "Chánh Hiệp, Bình Dương, Hòa Lợi, Phú An, Tây Nam, Long Nguyên, Bến Cát, Chánh Phú Hòa, Thới Hòa, Vĩnh Tân, "
    "Bình Cơ, Tân Uyên, Tân Hiệp, Tân Khánh, Vũng Tàu, Tam Thắng, Rạch Dừa, Phước Thắng, Bà Rịa, Long Hương, "
    "Tam Long, Phú Mỹ, Tân Thành, Tân Phước, Tân Hải, "
    "Xã Thường Tân, Xã Bắc Tân Uyên, Xã An Long, Xã Phước Hòa, Xã Phước Thành, Xã Phú Giáo, Xã Trừ Văn Thố, "
    "Xã Bàu Bàng, Xã Minh Thạnh, Xã Long Hòa, Xã Dầu Tiếng, Xã Thanh An, Xã Long Sơn, Xã Châu Pha, Xã Long Hải, "
    "Xã Long Điền, Xã Phước Hải, Xã Đất Đỏ, Xã Nghĩa Thành, Xã Ngãi Giao, Xã Kim Long, Xã Châu Đức, Xã Bình Giã, "
    "Xã Xuân Sơn, Xã Hồ Tràm, Xã Xuyên Mộc, Xã Hòa Hội, Xã Bàu Lâm, Xã Hòa Hiệp, Xã Bình Châu, Đặc khu Côn Đảo"
)

FAMILY_NAMES = (
    *("Nguyễn",) * 12, *("Trần",) * 5, *("Lê",) * 4, *("Phạm",) * 3, *("Huỳnh",) * 3, "Võ", "Võ", "Phan", "Phan",
    "Trương", "Bùi", "Đặng", "Đỗ", "Ngô", "Hồ", "Dương", "Đinh", "Lâm", "Mai", "Châu", "Tô", "Lý", "Quách", "Đoàn",
)  # fmt: skip
MIDDLE_NAMES_MEN = (
    "Văn", "Văn", "Hữu", "Quốc", "Minh", "Đức", "Thanh", "Hoàng", "Công", "Ngọc", "Anh", "Xuân", "Trọng", "Gia",
)  # fmt: skip
MIDDLE_NAMES_WOMEN = ("Thị", "Thị", "Thị Thu", "Thị Kim", "Ngọc", "Thanh", "Thùy", "Bích", "Mỹ", "Hoàng", "Phương")
GIVEN_NAMES_MEN = (
    "An", "Bình", "Cường", "Dũng", "Đạt", "Hải", "Hiếu", "Hòa", "Hùng", "Khoa", "Kiên", "Long", "Minh", "Nam", "Nghĩa",
    "Phong", "Phúc", "Quang", "Sơn", "Tài", "Thắng", "Thịnh", "Toàn", "Trung", "Tuấn", "Việt", "Vinh",
)  # fmt: skip
GIVEN_NAMES_WOMEN = (
    "Anh", "Châu", "Diệu", "Dung", "Giang", "Hà", "Hạnh", "Hiền", "Hoa", "Hương", "Lan", "Linh", "Loan", "Mai", "Nga",
    "Ngân", "Nhung", "Oanh", "Phượng", "Quyên", "Thảo", "Thủy", "Trang", "Trinh", "Tuyết", "Vân", "Yến",
)  # fmt: skip
