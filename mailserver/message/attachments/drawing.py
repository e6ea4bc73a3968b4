"""A picture drawn anew: what a browser is given was written here, of the pixels alone.

Nothing of the file itself comes through: no metadata, no second file hidden in it, no oddity for the browser's decoder.
Which way is up is followed, colours become sRGB, what moves goes on moving.  Photographs stay photographs (JPEG, or
WebP where something shines through), what was drawn exactly stays exact (PNG), what moves becomes WebP.

The decoders are large and written in C, so this only ever runs in ``child``, in a process that can do nothing else.

Standards: Exif 2.32 §4.6.4 (orientation); ICC.1 (colour profiles, by Little CMS); ITU-T T.81 Annex K.
Limits: the kinds and the pixels of ``message.pictures``; of more than ``MOST_FRAMES``, or ``MOST_MOVING`` pixels in all
of them, the first stands still.  What is broken off is shown as far as it goes.
"""

from __future__ import annotations

import io

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    ImageOps,
    ImageSequence,
    JpegImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

from mailserver.message.pictures import MOST_PIXELS, picture_type

MOST_FRAMES = 500
MOST_MOVING = 50_000_000

_FORMATS = {  # and nothing else that Pillow can read
    "image/jpeg": JpegImagePlugin.JpegImageFile.format,
    "image/png": PngImagePlugin.PngImageFile.format,
    "image/gif": GifImagePlugin.GifImageFile.format,
    "image/webp": WebPImagePlugin.WebPImageFile.format,
    "image/bmp": BmpImagePlugin.BmpImageFile.format,
    "image/avif": AvifImagePlugin.AvifImageFile.format,
}
_EXACT = ("image/png", "image/gif", "image/bmp")
_FINEST, _COARSEST, _USUAL = 92, 60, 88  # quality of JPEG and WebP
_LEAST_EFFORT = 0  # which is what the quality of an exact WebP says
_LONGEST, _MOST_ROUNDS = 60_000, 65_535  # milliseconds of a frame; RFC 9649 §2.7.1.1
_SRGB = ImageCms.createProfile("sRGB")
_PROPOSED = 3688  # the sum of table K.1 of T.81, which encoders scale by their quality

ImageFile.LOAD_TRUNCATED_IMAGES = True
Image.MAX_IMAGE_PIXELS = None  # ``draw`` counts them, before anything is unpacked
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # where this runs, there are no more


class NoPicture(Exception):
    """It is none that we draw."""


def draw(octets: bytes, side: int) -> bytes:
    """A JPEG, PNG or WebP file, no wider and no higher than ``side``.  Raises whatever the decoders raise."""
    kind = picture_type(octets)
    if kind is None:
        raise NoPicture
    with Image.open(io.BytesIO(octets), formats=[_FORMATS[kind]]) as picture:
        if picture.width * picture.height > MOST_PIXELS:
            raise NoPicture
        is_exact = kind in _EXACT or octets[12:16] == b"VP8L"  # RFC 9649 §2.6
        frames, durations = _frames(picture, side) if kind != "image/jpeg" else ([], [])
        if len(frames) > 1:
            return _moving(frames, durations, _rounds(picture), is_exact)
        picture.seek(0)
        return _still(picture, side, is_exact)


def _frames(picture: Image.Image, side: int) -> tuple[list[Image.Image], list[int]]:
    """Of what moves, and for how many milliseconds each is shown; of what is too large for that, none."""
    frames: list[Image.Image] = []
    durations: list[int] = []
    most = min(MOST_FRAMES, MOST_MOVING // (picture.width * picture.height)) if max(picture.size) <= side else 0
    if most < 2 or not getattr(picture, "is_animated", False):
        return [], []
    for frame in ImageSequence.Iterator(picture):
        if len(frames) == most:
            return [], []
        frames.append(_plain(frame))
        durations.append(int(min(frame.info.get("duration") or 0, _LONGEST)))
    # PNG §4.9: what is shown where nothing moves need not be a frame
    first = 1 if picture.info.get("default_image") else 0
    return frames[first:], durations[first:]


def _moving(frames: list[Image.Image], durations: list[int], rounds: int, is_exact: bool) -> bytes:
    how = {"lossless": True, "quality": _LEAST_EFFORT, "method": 0} if is_exact else {"quality": _USUAL, "method": 2}
    rest = frames[1:]
    return _written(frames[0], "WEBP", save_all=True, append_images=rest, duration=durations, loop=rounds, **how)


def _rounds(picture: Image.Image) -> int:
    """How often it is shown; 0: for ever.  GIF says how often again, and says nothing for once."""
    told = picture.info.get("loop")
    if picture.format != "GIF":
        return min(int(told or 0), _MOST_ROUNDS)
    return 1 if told is None else min(told + 1, _MOST_ROUNDS) if told else 0


def _still(picture: Image.Image, side: int, is_exact: bool) -> bytes:
    quality, subsampling = _finesse(picture)
    profile = picture.info.get("icc_profile")
    if max(picture.size) > side:
        is_exact = False
        if picture.mode not in ("L", "RGB", "RGBA", "CMYK"):  # between whose values there is nothing
            picture = _plain(picture)
        picture.thumbnail((side, side), reducing_gap=1.0)  # a JPEG is read at a half, a quarter, an eighth of its size
    picture = ImageOps.exif_transpose(picture)
    if is_exact and picture.mode in ("1", "L", "P") and not profile:
        kept = picture.info.get("transparency")
        picture.info = {} if kept is None else {"transparency": kept}
        return _written(picture, "PNG")
    picture = _in_srgb(picture, profile)
    if is_exact:
        return _written(picture, "PNG")
    if picture.mode == "RGBA":
        return _written(picture, "WEBP", quality=quality, method=3)
    return _written(picture, "JPEG", quality=quality, subsampling=subsampling)


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Grey, or red, green and blue, with what shines through; without anything beside it."""
    if profile and picture.mode in ("RGB", "RGBA", "CMYK"):
        mode = "RGBA" if picture.mode == "RGBA" else "RGB"
        try:
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            picture = ImageCms.profileToProfile(picture, own, _SRGB, outputMode=mode) or picture
        except (OSError, ImageCms.PyCMSError):  # a profile that is none; its colours are taken as they are
            pass
    return _plain(picture)


def _plain(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16") or picture.mode == "I":
        picture = picture.point(lambda value: value * (1 / 256))
        picture = picture.convert("L")
    if picture.has_transparency_data:
        plain = picture.convert("RGBA")
    else:
        plain = picture.convert("L" if picture.mode in ("1", "L") else "RGB")
    if plain is picture:
        plain = picture.copy()
    plain.info = {}
    return plain


def _finesse(picture: Image.Image) -> tuple[int, int]:
    """The quality to write a photograph in, and the subsampling: those it has, within reason."""
    tables = getattr(picture, "quantization", None)
    if not tables:
        return _USUAL, -1
    scale = 100 * sum(next(iter(tables.values()))) / _PROPOSED
    quality = round(100 - scale / 2 if scale < 100 else 5000 / scale)
    return max(_COARSEST, min(quality, _FINEST)), JpegImagePlugin.get_sampling(picture)


def _written(picture: Image.Image, form: str, **how: object) -> bytes:
    octets = io.BytesIO()
    picture.save(octets, form, **how)
    return octets.getvalue()
