"""Decode an uploaded image and encode it again as two JPEGs.

Decoders of images are where hostile files do harm, so this runs in a process of its own with a limit on memory and
processor time (`image_worker.py`): `python -m evently.events.image_processing < upload`.
"""

import io
import json
import os
import resource
import struct
import sys
from typing import BinaryIO

from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

from evently.events.image_worker import TOO_COMPLEX, RefusedImage

FORMATS = ("JPEG", "PNG", "WEBP")
MEGAPIXEL = 1_000_000
# A JPEG can be decoded at a fraction of its size; PNG and WebP are decoded whole, at 4 and at 12 bytes per pixel.
MAX_PIXELS = {"JPEG": 65 * MEGAPIXEL, "PNG": 24 * MEGAPIXEL, "WEBP": 12 * MEGAPIXEL}
# Of what is decoded at once; a progressive JPEG is held in memory whole, at up to 6 bytes per pixel.
MAX_DECODED_PIXELS = MAX_PROGRESSIVE_PIXELS = 24 * MEGAPIXEL
# pixels: size of the thumbnail, longest side of the large image, shortest side of an upload
THUMBNAIL, MAX_EDGE, MIN_EDGE = (640, 800), 1600, 320
QUALITY = 80
# Checked here, by format.
Image.MAX_IMAGE_PIXELS = None
# JPEG has no transparency; this is the background of posters.
BACKGROUND = (251, 248, 241)
# Bytes of address space and seconds of processor time of the process. No image that is accepted takes more than 260 MB.
MEMORY_LIMIT, CPU_LIMIT = 320 * 1024 * 1024, 10

UNREADABLE = "This is no picture that can be read. Choose a JPEG, PNG or WebP file."


def normalize(file: BinaryIO) -> tuple[bytes, bytes]:
    """The thumbnail and the large JPEG of an image. Raises RefusedImage."""
    try:
        image = _decode(file)
    # What Pillow raises for files that are broken, or made to break it.
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, Image.DecompressionBombError) as error:
        raise RefusedImage(UNREADABLE) from error
    thumbnail = ImageOps.fit(image, THUMBNAIL, Image.Resampling.LANCZOS)
    image.thumbnail((MAX_EDGE, MAX_EDGE), Image.Resampling.LANCZOS)
    return _jpeg(thumbnail), _jpeg(image)


def _decode(file: BinaryIO) -> Image.Image:
    """Upright, without transparency, and not much larger than it is needed. The size is checked before a pixel is decoded."""
    image: Image.Image = Image.open(file, formats=FORMATS)
    _check_size(image)
    factor = _factor(image)
    # Only JPEG knows how to: it decodes at a half, a quarter or an eighth, at that much less memory and time.
    image.draft("RGB", (image.width // factor, image.height // factor))
    if image.width * image.height > MAX_DECODED_PIXELS:
        raise RefusedImage(TOO_COMPLEX)
    image.load()
    orientation = image.getexif().get(_ORIENTATION)
    reduced = _reduce(image)
    if orientation:
        reduced.getexif()[_ORIENTATION] = orientation
    return ImageOps.exif_transpose(reduced)


_ORIENTATION = 0x0112


def _check_size(image: Image.Image) -> None:
    pixels, kind = image.width * image.height, "JPEG" if isinstance(image, JpegImageFile) else str(image.format)
    most = MAX_PROGRESSIVE_PIXELS if image.info.get("progressive") else MAX_PIXELS[kind]
    if pixels > most:
        name = "progressive JPEG" if image.info.get("progressive") else kind.replace("WEBP", "WebP")
        hint = "" if name == "JPEG" else f" An ordinary JPEG may have {MAX_PIXELS['JPEG'] // MEGAPIXEL} million."
        raise RefusedImage(f"Choose a picture of at most {most // MEGAPIXEL} million pixels for a {name} file.{hint}")
    if min(image.size) < MIN_EDGE:
        raise RefusedImage(f"Choose a picture of at least {MIN_EDGE} pixels on each side.")


def _reduce(image: Image.Image) -> Image.Image:
    """An opaque copy, reduced by a whole factor, made band by band: a converted copy of all of it would take four times its memory."""
    factor = _factor(image)
    reduced = Image.new("RGB", (-(-image.width // factor), -(-image.height // factor)))
    band = 64 * factor
    for top in range(0, image.height, band):
        part = image.crop((0, top, image.width, min(top + band, image.height)))
        reduced.paste(_opaque(part).reduce(factor), (0, top // factor))
    return reduced


def _factor(image: Image.Image) -> int:
    """By how much an image can be reduced and still be large enough for both sizes."""
    return max(1, min(max(image.size) // MAX_EDGE, min(image.size) // max(THUMBNAIL)))


def _opaque(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    background = Image.new("RGBA", image.size, BACKGROUND)
    background.alpha_composite(image.convert("RGBA"))
    return background.convert("RGB")


def _jpeg(image: Image.Image) -> bytes:
    # A new image carries nothing of the file: no EXIF, no profile, no comment.
    clean = Image.new("RGB", image.size)
    clean.paste(image)
    written = io.BytesIO()
    clean.save(written, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    return written.getvalue()


def main() -> None:
    """Writes a line of JSON, then both JPEGs one after the other; or, for an image that is refused, only the line."""
    # Requests go first.
    os.nice(5)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT, CPU_LIMIT))
    result: dict[str, object] = {}
    files: tuple[bytes, ...] = ()
    try:
        files = normalize(sys.stdin.buffer)
        result["sizes"] = [len(file) for file in files]
    except RefusedImage as refusal:
        result["refused"] = str(refusal)
    except MemoryError:
        result["refused"] = TOO_COMPLEX
    sys.stdout.buffer.write(json.dumps(result).encode() + b"\n" + b"".join(files))


if __name__ == "__main__":
    main()
