"""What is known of an image before it is decoded: its kind and its size."""

from pathlib import Path

from nnunetv2.errors import DriftError
from nnunetv2.imageio.jpeg_reader_writer import JpegImage2DIO
from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO
from nnunetv2.imageio.reading_errors import reading
from nnunetv2.serving.refusals import RequestRefused
from s1.shown_pixels import shown_image_size
from s1.tiff_files import CHECKED_CODINGS, tiff_compression

_ENDINGS = {
    b"\x89PNG\r\n\x1a\n": ".png",
    b"\xff\xd8\xff": ".jpg",
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), ".tif"),
}
"""First bytes of a file -> ending."""
READERS: tuple[type[NaturalImage2DIO], ...] = (NaturalImage2DIO, JpegImage2DIO)


def image_ending(start: bytes) -> str:
    """Return the ending for the first bytes of a file: .png, .jpg or .tif. Raises RequestRefused for others."""
    ending = next((ending for first, ending in _ENDINGS.items() if start.startswith(first)), None)
    if ending is None:
        raise RequestRefused(415, "this is no PNG, TIFF or JPEG file; send such an image as the body of the request")
    return ending


def check_size(image: Path, most_pixels: int) -> None:
    """Raise RequestRefused, from the header alone, for an image that is damaged or has too many pixels."""
    try:
        with reading(str(image)):
            height, width = shown_image_size(image)
            coding = tiff_compression(image) if image.suffix == ".tif" else "NONE"
    except DriftError as error:
        raise RequestRefused(400, without_path(error, image)) from None
    if coding not in CHECKED_CODINGS:
        raise RequestRefused(415, f"the TIFF file is compressed as {coding}; save it with deflate, LZW or JPEG")
    if height * width > most_pixels:
        raise RequestRefused(413, f"the image has {width} x {height} pixels, expected at most {most_pixels} together")


def without_path(error: Exception, image: Path) -> str:
    """Return an error's message in one line, without the place where the image lies on the server."""
    return str(error).replace(str(image), "the image").replace(str(image.parent), "").replace("\n", " ")
