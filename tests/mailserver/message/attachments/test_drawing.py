"""Pictures drawn anew: what they show stays, whatever else was in the file does not."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image, ImageCms

from mailserver.message.attachments import drawing
from mailserver.message.attachments.drawing import NoPicture, draw
from mailserver.message.pictures import picture_type
from tests.mailserver.message.attachments.picture_files import (
    gif_of,
    jpeg_that_says,
    moving,
    opened,
    plain,
    png_bomb,
    written,
)

SCRIPT = b"*/=alert(1)/*<script>alert(1)</script>"
PLACE = "10.7769N 106.7009E"


def near(one: tuple[int, ...], other: tuple[int, ...], by: int = 6) -> bool:
    return all(abs(a - b) <= by for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("form", "kind", "how"),
    [
        ("JPEG", "image/jpeg", {}),
        ("PNG", "image/png", {}),
        ("GIF", "image/png", {}),
        ("BMP", "image/png", {}),
        ("WEBP", "image/jpeg", {}),
        ("WEBP", "image/png", {"lossless": True}),
        ("AVIF", "image/jpeg", {}),
    ],
)
def test_what_it_shows_stays(form: str, kind: str, how: dict[str, Any]) -> None:
    drawn = draw(plain(form, 40, 20, **how), 100)
    assert picture_type(drawn) == kind
    assert opened(drawn).size == (40, 20)
    assert near(opened(drawn).convert("RGB").getpixel((3, 3)), (200, 30, 90))  # type: ignore[arg-type]


def test_nothing_else_of_the_file_stays() -> None:
    exif = Image.Exif()
    exif[0x010E] = PLACE
    jpeg = plain("JPEG", 40, 20, comment=SCRIPT, exif=exif, quality=80)
    png = plain("PNG", 40, 20, exif=exif)
    files = [jpeg, png, moving("GIF", comment=SCRIPT), plain("GIF", comment=SCRIPT), moving("WEBP", exif=exif)]
    for octets in files:
        drawn = draw(octets + SCRIPT, 100)
        assert b"alert" not in drawn
        assert b"10.7769" not in drawn
        assert not opened(drawn).getexif()
    gif = b"GIF89a" + b"/*" + plain("GIF")[8:]  # a width that begins a remark of a script
    assert b"GIF89a" not in draw(gif, 20_000)


def test_which_way_is_up() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned to the right
    picture = Image.new("RGB", (40, 20), (255, 255, 255))
    picture.paste((255, 0, 0), (0, 0, 10, 20))
    for form in ("JPEG", "PNG", "WEBP"):
        drawn = opened(draw(written(picture, form, exif=exif), 100)).convert("RGB")
        assert drawn.size == (20, 40)
        assert near(drawn.getpixel((10, 2)), (255, 0, 0), 40)  # type: ignore[arg-type]
        assert near(drawn.getpixel((10, 38)), (255, 255, 255), 40)  # type: ignore[arg-type]


def test_what_shines_through_does_so_still() -> None:
    glass = Image.new("RGBA", (9, 9), (10, 20, 30, 77))
    named = Image.new("P", (9, 9), 1)
    named.putpalette([9, 9, 9, 200, 100, 50])
    files = [written(glass, "PNG"), written(glass, "WEBP", lossless=True), written(glass, "AVIF")]
    for octets in [*files, written(named, "GIF", transparency=1), written(named, "PNG", transparency=1)]:
        alpha = opened(draw(octets, 100)).convert("RGBA").getpixel((4, 4))[3]  # type: ignore[index]
        assert alpha in (0, 77, 76, 78)
    shrunk = draw(written(glass.resize((300, 90)), "PNG"), 100)
    assert picture_type(shrunk) == "image/webp"
    assert opened(shrunk).size == (100, 30)
    assert abs(opened(shrunk).getpixel((4, 4))[3] - 77) < 3  # type: ignore[index]


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "AVIF"])
def test_what_moves_goes_on_moving(form: str) -> None:
    drawn = draw(moving(form, 4, duration=[100, 50, 70, 90]), 100)
    assert picture_type(drawn) == "image/webp"
    picture = opened(drawn)
    assert getattr(picture, "n_frames", 1) == 4
    shown = []
    for number in range(4):
        picture.seek(number)
        picture.load()
        shown.append((round(picture.info["duration"]), picture.convert("RGB").getpixel((3, 3))))
    assert [each for each, _ in shown] == [100, 50, 70, 90]
    assert near(shown[3][1], (180, 252, 30), 12)  # type: ignore[arg-type]


@pytest.mark.parametrize(("form", "told", "rounds"), [("GIF", None, 1), ("GIF", 0, 0), ("GIF", 3, 4), ("WEBP", 3, 3)])
def test_how_often(form: str, told: int | None, rounds: int) -> None:
    octets = moving(form, duration=100, **({} if told is None else {"loop": told}))
    assert opened(draw(octets, 100)).info["loop"] == rounds


def test_a_picture_for_where_nothing_moves_is_no_frame() -> None:
    drawn = draw(moving("PNG", 3, default_image=True, duration=100), 100)
    assert getattr(opened(drawn), "n_frames", 1) == 2


def test_too_many_frames_stand_still(monkeypatch: pytest.MonkeyPatch) -> None:
    for octets in (gif_of(100_000), moving("WEBP", 5, 120)):
        assert not getattr(opened(draw(octets, 100)), "is_animated", False)
    monkeypatch.setattr(drawing, "MOST_MOVING", 3 * 64 - 1)
    assert not getattr(opened(draw(moving("GIF"), 100)), "is_animated", False)
    monkeypatch.setattr(drawing, "MOST_MOVING", 3 * 64)
    assert getattr(opened(draw(moving("GIF"), 100)), "is_animated", False)


def test_colours_become_srgb() -> None:
    # a profile whose red is sRGB's green, by exchanging the two primaries' names in the table of tags
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    changed = profile.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    drawn = opened(draw(plain("PNG", colour=(255, 0, 0), icc_profile=changed), 100))
    assert near(drawn.getpixel((3, 3)), (0, 255, 0), 10)  # type: ignore[arg-type]
    assert "icc_profile" not in drawn.info
    odd = opened(draw(plain("JPEG", colour=(255, 0, 0), icc_profile=b"no profile at all" * 20), 100))
    assert near(odd.getpixel((3, 3)), (255, 0, 0), 10)  # type: ignore[arg-type]
    cmyk = opened(draw(written(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"), 100))
    assert near(cmyk.getpixel((3, 3)), (255, 0, 0), 10)  # type: ignore[arg-type]


def test_deep_colours_are_shown_as_bright_as_they_are() -> None:
    deep = opened(draw(written(Image.new("I;16", (8, 8), 40_000), "PNG"), 100))
    assert near((deep.convert("L").getpixel((3, 3)),), (156,))  # type: ignore[arg-type]


def test_no_larger_than_asked() -> None:
    for form in ("JPEG", "PNG", "GIF", "WEBP", "BMP", "AVIF"):
        assert opened(draw(plain(form, 400, 100), 100)).size == (100, 25)
    assert opened(draw(plain("PNG", 1, 3000), 100)).size == (1, 100)


def test_a_photo_is_as_fine_as_it_was() -> None:
    noise = Image.merge("RGB", [Image.effect_noise((200, 200), 50)] * 3)
    for quality in (65, 75, 90):
        taken = written(noise, "JPEG", quality=quality)
        assert 0.9 < len(draw(taken, 200)) / len(taken) < 1.1


def test_what_is_broken_off_is_shown_as_far_as_it_goes() -> None:
    jpeg = written(Image.merge("RGB", [Image.effect_noise((200, 200), 50)] * 3), "JPEG")
    assert opened(draw(jpeg[: len(jpeg) // 2], 200)).size == (200, 200)


@pytest.mark.parametrize(
    "octets",
    [
        b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"8BPS\0\1" + bytes(60),
        plain("TIFF"), plain("ICO", 32, 32), plain("PPM"), plain("TGA"), plain("PDF"), plain("JPEG2000"),
        b"\0\0\0\x18ftypheic" + bytes(40), png_bomb(50_000, 50_000)[:5000], jpeg_that_says(65_000, 65_000),
        plain("PNG")[:8] + bytes(40), b"GIF89a" + bytes(9), b"RIFF\0\0\0\0WEBPVP8 " + bytes(30),
        b"BM" + plain("PNG"), b"\0\0\0\x1cftypavif" + bytes(60),
    ],
)  # fmt: skip
def test_what_is_no_picture(octets: bytes) -> None:
    with pytest.raises((NoPicture, OSError, ValueError, SyntaxError)):
        draw(octets, 100)


def test_a_file_is_read_by_its_own_kind_alone() -> None:
    """Pillow reads far more than these; a file never chooses among them."""
    both = io.BytesIO()
    Image.new("RGB", (8, 8)).save(both, "MPO", save_all=True, append_images=[Image.new("RGB", (8, 8))])
    assert picture_type(draw(both.getvalue(), 100)) == "image/jpeg"
