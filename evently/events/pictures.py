"""From an uploaded file to a picture that can be shown: decoded, checked, and drawn anew."""

import io
import struct

from PIL import Image, ImageOps

from evently.errors import Invalid

FORMATS = ("JPEG", "PNG", "WEBP")
# A file of a few kilobytes may claim billions of them.
MAX_PIXELS = 50_000_000
# pixels; the size of a poster, the longer side of the large one, and what is too small to look at
SMALL, LARGE, LEAST = (640, 800), 1600, 320
QUALITY = 80
# JPEG knows nothing of transparency; this is the paper of posters.
PAPER = (251, 248, 241)


def redraw(file: bytes) -> tuple[bytes, bytes]:
    """The small and the large JPEG of a picture. Raises Invalid, with the field `cover`, for what is none or too large a one."""
    try:
        image = _decode(file)
    # What Pillow raises for files that are broken, or made to break it.
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, MemoryError, Image.DecompressionBombError) as error:
        raise refused("This is no picture that can be read. Choose a JPEG, PNG or WebP file.") from error
    small = ImageOps.fit(image, SMALL, Image.Resampling.LANCZOS)
    image.thumbnail((LARGE, LARGE), Image.Resampling.LANCZOS)
    return _jpeg(small), _jpeg(image)


def refused(message: str) -> Invalid:
    return Invalid("Please correct the marked fields.", fields={"cover": [message]})


def _decode(file: bytes) -> Image.Image:
    """Upright, without transparency, and small enough. What the file claims is judged before a pixel is decoded."""
    image: Image.Image = Image.open(io.BytesIO(file), formats=FORMATS)
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise refused(f"Choose a picture of at most {MAX_PIXELS // 1_000_000} million pixels.")
    if min(width, height) < LEAST:
        raise refused(f"Choose a picture of at least {LEAST} pixels on each side.")
    # A JPEG can be decoded at a half or a quarter of its size, at that much less memory and time.
    image.draft("RGB", (2 * LARGE, 2 * LARGE))
    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, PAPER)
        paper.alpha_composite(image)
        image = paper
    return image.convert("RGB")


def _jpeg(image: Image.Image) -> bytes:
    # A new image has no memory of the file: no EXIF, no profile, no comment.
    clean = Image.new("RGB", image.size)
    clean.paste(image)
    written = io.BytesIO()
    clean.save(written, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    return written.getvalue()
