"""What officials of the demo city write to each other: topics with openings, requests and answers, to be put together.

Holes: {so} document number, {ngay} a date, {han} a deadline, {donvi} a unit, {thang} month and year, {quy} a quarter.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topic:
    folder: str
    subjects: tuple[str, ...]
    openings: tuple[str, ...]
    requests: tuple[str, ...]
    answers: tuple[str, ...]
    document: str = ""  # what a letter of it may carry


INCOMING = "Công văn đến"
DIGITAL = "Dự án/Chuyển đổi số"
METRO = "Dự án/Metro số 1"
BRIEFINGS = "Họp giao ban"
STAFF = "Tổ chức cán bộ"
FINANCE = "Tài chính"

FOLDERS = (f"{INCOMING}/2025", f"{INCOMING}/2026", DIGITAL, METRO, BRIEFINGS, STAFF, FINANCE, "Cá nhân")

TOPICS = (
    Topic(
        BRIEFINGS,
        ("Họp giao ban tuần {ngay}", "Nội dung giao ban UBND Thành phố ngày {ngay}"),
        (
            "Văn phòng kính gửi anh chị chương trình họp giao ban tuần, bắt đầu lúc 8 giờ 00 ngày {ngay} tại "
            "phòng họp số 2.",
            "Theo chỉ đạo của lãnh đạo Ủy ban, cuộc họp giao ban tuần này tập trung vào tiến độ giải ngân đầu tư công.",
        ),
        (
            "Đề nghị {donvi} chuẩn bị báo cáo tóm tắt không quá hai trang, gửi trước {han}.",
            "Kính mời đồng chí tham dự và chuẩn bị ý kiến về các đầu việc còn tồn của tháng trước.",
            "Tài liệu phục vụ cuộc họp được gửi kèm; bản giấy sẽ phát tại phòng họp.",
        ),
        (
            "Tôi đã nhận chương trình và sẽ dự họp đúng giờ.",
            "Sáng đó tôi có lịch làm việc với Sở Tài chính, xin cử đồng chí Phó phòng dự thay.",
            "Đề nghị bổ sung nội dung về số hóa hồ sơ vào mục 3.",
            "Đã cập nhật chương trình theo ý kiến các đơn vị, anh chị xem lại giúp.",
        ),
        "Chương trình họp giao ban",
    ),
    Topic(
        DIGITAL,
        ("Tiến độ triển khai thư điện tử công vụ", "Kế hoạch chuyển đổi số {quy}"),
        (
            "Tổ công tác báo cáo tiến độ chuyển hộp thư của {donvi} sang hệ thống mới.",
            "Căn cứ Kế hoạch số {so}/KH-UBND ngày {ngay}, các đơn vị hoàn thành khai báo hộp thư cho cán bộ "
            "trước {han}.",
        ),
        (
            "Đề nghị đơn vị rà soát danh sách cán bộ, đặc biệt các trường hợp điều động sau ngày 01/7/2025.",
            "Xin cho biết số hộp thư đơn vị còn thiếu để bố trí dung lượng.",
            "Biểu đồ số hộp thư đã chuyển theo tuần được gửi kèm.",
        ),
        (
            "Đơn vị đã rà soát, còn 12 trường hợp chưa có mã cán bộ; sẽ bổ sung trong tuần.",
            "Đề nghị hỗ trợ tập huấn cho bộ phận văn thư của 3 phường.",
            "Cảm ơn anh, chúng tôi đã đăng nhập được và gửi thư bình thường.",
            "Xin gia hạn đến {han} vì đơn vị đang sắp xếp lại phòng chuyên môn.",
            "Nhất trí. Tôi đã báo cáo lãnh đạo và được đồng ý.",
        ),
        "Báo cáo tiến độ chuyển đổi số",
    ),
    Topic(
        METRO,
        ("Phối hợp vận hành tuyến Metro số 1", "Kết nối xe buýt với tuyến Metro số 1"),
        (
            "Ban Quản lý Đường sắt đô thị đề nghị phối hợp rà soát các điểm trung chuyển xe buýt dọc tuyến Bến "
            "Thành - Suối Tiên.",
            "Tháng {thang}, lượng khách tuyến Metro số 1 tăng so với tháng trước, cần bổ sung xe buýt kết nối "
            "giờ cao điểm.",
        ),
        (
            "Đề nghị {donvi} cho ý kiến về phương án tổ chức giao thông quanh ga, gửi về trước {han}.",
            "Kính mời đại diện đơn vị tham gia đoàn khảo sát thực địa ngày {ngay}.",
            "Số liệu lượng khách theo ngày trong biểu đồ gửi kèm.",
        ),
        (
            "Chúng tôi thống nhất phương án 2, đề nghị điều chỉnh vị trí trạm dừng trước cổng trường học.",
            "Phường đã khảo sát, vỉa hè đoạn này hẹp, đề nghị lùi trạm 15 mét.",
            "Cảm ơn đơn vị, phương án đã được điều chỉnh và gửi lại kèm theo.",
        ),
        "Số liệu hành khách Metro số 1",
    ),
    Topic(
        STAFF,
        ("Bổ nhiệm, điều động cán bộ tháng {thang}", "Rà soát vị trí việc làm của {donvi}"),
        (
            "Sở Nội vụ gửi dự thảo tờ trình về việc điều động, bổ nhiệm cán bộ sau sắp xếp đơn vị hành chính.",
            "Thực hiện Nghị quyết về sắp xếp tổ chức bộ máy, đề nghị các đơn vị rà soát đề án vị trí việc làm.",
        ),
        (
            "Đề nghị đơn vị đối chiếu danh sách kèm theo và phản hồi bằng văn bản trước {han}.",
            "Hồ sơ của từng cán bộ gửi về Phòng Công chức, viên chức theo đường văn thư.",
        ),
        (
            "Đơn vị đã đối chiếu, đề nghị sửa ngày hiệu lực của một trường hợp thành {ngay}.",
            "Đồng ý với danh sách. Đơn vị sẽ có công văn chính thức trong ngày mai.",
            "Xin hỏi trường hợp biệt phái có tính vào biên chế năm nay không?",
            "Trường hợp biệt phái vẫn tính tại đơn vị cử đi, anh nhé.",
        ),
        "Danh sách cán bộ điều động",
    ),
    Topic(
        FINANCE,
        ("Giải ngân vốn đầu tư công {quy}", "Dự toán chi thường xuyên năm 2026 của {donvi}"),
        (
            "Sở Tài chính thông báo kết quả giải ngân vốn đầu tư công đến hết tháng {thang}.",
            "Để tổng hợp dự toán năm sau, đề nghị đơn vị gửi thuyết minh các khoản chi tăng thêm.",
        ),
        (
            "Đề nghị báo cáo nguyên nhân các dự án có tỷ lệ giải ngân dưới 50% trước {han}.",
            "Biểu mẫu kèm theo; số liệu tính bằng triệu đồng, làm tròn một chữ số thập phân.",
        ),
        (
            "Đơn vị gửi kèm bảng số liệu đã ký; phần vướng mắc chủ yếu do giải phóng mặt bằng.",
            "Số liệu cột 5 chưa khớp với Kho bạc, đề nghị kiểm tra lại giúp.",
            "Đã kiểm tra và đính chính, xin lỗi vì nhầm lẫn.",
        ),
        "Biểu giải ngân đầu tư công",
    ),
    Topic(
        f"{INCOMING}/2025",
        ("Công văn số {so}/SNV-TCBC", "V/v báo cáo công tác cải cách hành chính {quy}"),
        (
            "{donvi} nhận được Công văn số {so} ngày {ngay} về công tác cải cách hành chính.",
            "Căn cứ chương trình công tác năm 2025, Văn phòng đề nghị các đơn vị báo cáo kết quả thực hiện.",
        ),
        (
            "Đề nghị đơn vị báo cáo bằng văn bản kèm bản mềm trước {han}.",
            "Mọi vướng mắc xin liên hệ Phòng Hành chính - Tổ chức.",
        ),
        (
            "Đơn vị đã nhận công văn và phân công đồng chí phụ trách.",
            "Kính gửi báo cáo, bản có chữ ký số sẽ gửi qua hệ thống quản lý văn bản.",
        ),
        "Công văn",
    ),
    Topic(
        f"{INCOMING}/2026",
        ("Công văn số {so}/VP-TH", "V/v tiếp công dân định kỳ tháng {thang}", "V/v trực lãnh đạo dịp lễ"),
        (
            "Văn phòng Ủy ban nhân dân Thành phố thông báo lịch tiếp công dân định kỳ của lãnh đạo Thành phố.",
            "Để bảo đảm công tác trực trong dịp lễ, đề nghị {donvi} đăng ký danh sách trực lãnh đạo và trực văn phòng.",
        ),
        (
            "Đề nghị bố trí cán bộ nắm rõ hồ sơ vụ việc tham dự đầy đủ.",
            "Danh sách gửi về địa chỉ thư này trước {han}.",
        ),
        (
            "Đơn vị gửi danh sách trực kèm số điện thoại liên hệ.",
            "Vụ việc của công dân ở phường đã giải quyết xong ngày {ngay}, xin gửi kèm biên bản.",
            "Đã nhận, cảm ơn đơn vị.",
        ),
        "Lịch tiếp công dân",
    ),
    Topic(
        "INBOX",
        (
            "Phòng chống ngập khu vực {donvi}",
            "Kiểm tra an toàn thực phẩm dịp cao điểm",
            "Diễn tập phòng cháy chữa cháy",
        ),
        (
            "Theo dự báo, đợt triều cường từ ngày {ngay} có thể gây ngập một số tuyến đường trũng thấp.",
            "Đoàn kiểm tra liên ngành sẽ làm việc tại {donvi} trong tuần tới.",
            "Để chuẩn bị diễn tập phòng cháy chữa cháy tại trụ sở, đề nghị các phòng cử người tham gia.",
        ),
        (
            "Đề nghị đơn vị chủ động phương án và báo cáo tình hình trước 16 giờ hằng ngày.",
            "Xin xác nhận lịch làm việc trước {han}.",
        ),
        (
            "Đơn vị đã triển khai, hiện chưa ghi nhận điểm ngập mới.",
            "Xác nhận lịch làm việc lúc 9 giờ ngày {ngay}.",
            "Tôi sẽ cử hai đồng chí tham gia.",
        ),
        "Phương án",
    ),
    Topic(
        "Cá nhân",
        ("Liên hoan Công đoàn cuối quý", "Hỏi thăm", "Đăng ký khám sức khỏe định kỳ"),
        (
            "Công đoàn Văn phòng dự kiến tổ chức liên hoan cuối quý vào chiều {ngay}.",
            "Lâu rồi không gặp, anh chị công tác ở đơn vị mới thế nào?",
            "Đợt khám sức khỏe định kỳ năm nay tại Bệnh viện Nguyễn Tri Phương, từ ngày {ngay}.",
        ),
        (
            "Anh chị đăng ký số người tham gia giúp em trước {han} nhé.",
            "Hôm nào rảnh mình cà phê ở Nguyễn Du như trước.",
        ),
        (
            "Em đăng ký hai người ạ.",
            "Cảm ơn anh, chiều thứ Sáu em rảnh.",
            "Nhớ nhịn ăn sáng trước khi lấy máu nhé mọi người.",
        ),
    ),
)

GREETINGS = ("Kính gửi {ten},", "Thưa {ten},", "Kính gửi đồng chí {ten},", "Chào {ten},")
CLOSINGS = ("Trân trọng.", "Trân trọng cảm ơn.", "Trân trọng kính chào.", "Rất mong nhận được phản hồi sớm của đơn vị.")
THANKS = (
    "Cảm ơn {ten} đã phản hồi sớm.",
    "Tôi đã nhận được thông tin, cảm ơn {ten}.",
    "Nhất trí với ý kiến của {ten}.",
)

# From outside: (name, address, subject, paragraphs); HTML with pictures that only come from far away
OUTSIDE = (
    (
        "Bản tin Chính phủ số",
        "bantin@chinhphuso.example",
        "Bản tin chuyển đổi số tuần {ngay}",
        ("Điểm tin chuyển đổi số trong tuần.", "Ba mô hình một cửa số đang được các địa phương nhân rộng."),
    ),
    (
        "Hội thảo Đô thị thông minh",
        "moi@hoithao.example",
        "Thư mời dự Hội thảo Đô thị thông minh ngày {ngay}",
        (
            "Ban tổ chức trân trọng kính mời Quý cơ quan tham dự Hội thảo quốc tế về Đô thị thông minh.",
            "Vui lòng xác nhận tham dự trước {han}.",
        ),
    ),
    (
        "Công ty Giải pháp Văn phòng Sài Gòn",
        "kinhdoanh@vanphongsg.example",
        "Báo giá thiết bị lưu trữ theo yêu cầu số {so}",
        ("Công ty xin gửi báo giá thiết bị lưu trữ và thời gian giao hàng dự kiến.", "Báo giá có giá trị đến {han}."),
    ),
)

JUNK = (
    (
        "Trúng thưởng",
        "qua@trungthuong.example",
        "CHÚC MỪNG!!! Bạn đã trúng 1 xe máy",
        "Bấm vào liên kết để nhận thưởng ngay hôm nay.",
    ),
    (
        "Bộ phận hỗ trợ",
        "support@tphcm-gov.example",
        "Hộp thư của bạn sắp hết hạn",
        "Vui lòng đăng nhập tại đây để gia hạn hộp thư trong 24 giờ.",
    ),
    (
        "Vay nhanh 24h",
        "vay@tindung24.example",
        "Vay 500 triệu không thế chấp",
        "Lãi suất 0% tháng đầu, giải ngân trong ngày.",
    ),
)

ANNOUNCEMENTS = (
    (
        "Thông báo đưa vào sử dụng hệ thống thư điện tử công vụ CityMail",
        (
            "Từ ngày hôm nay, cán bộ, công chức, viên chức Thành phố sử dụng hệ thống thư điện tử công vụ mới.",
            "Không dùng thư điện tử công vụ để trao đổi tài liệu thuộc danh mục bí mật nhà nước.",
            "Mọi vướng mắc xin gửi về hộp thư Hỗ trợ kỹ thuật.",
        ),
    ),
    (
        "Lịch nghỉ lễ và phân công trực",
        (
            "Văn phòng thông báo lịch nghỉ lễ và phân công trực tại các cơ quan, đơn vị.",
            "Các đơn vị chủ động bố trí trực lãnh đạo, bảo đảm xử lý công việc phát sinh.",
        ),
    ),
    (
        "Cảnh báo thư giả mạo",
        (
            "Thời gian gần đây xuất hiện thư giả mạo yêu cầu cung cấp mật khẩu hộp thư công vụ.",
            "Trung tâm Chuyển đổi số không bao giờ hỏi mật khẩu. Đề nghị không bấm vào liên kết lạ và báo ngay "
            "cho bộ phận hỗ trợ.",
        ),
    ),
)
