"""Writes image files of every kind whose tags say what their pixels mean, each to a path without ending."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, ImageOps

RANDOM = np.random.default_rng(0)
RGB = RANDOM.integers(0, 256, (24, 40, 3), np.uint8)
GREY = RGB[..., 0].copy()
FEW = GREY % 4
COLOURS = [(9, 9, 9), (255, 0, 0), (0, 200, 10), (17, 18, 19)]
OPAQUE, CLEAR = np.full(GREY.shape, 255, np.uint8), np.where(GREY > 9, 255, 0).astype(np.uint8)

Save = Callable[[Path], Any]


def png_bytes(pixels_per_row: int, rows: list[bytes], bits: int, kind: int = 0) -> bytes:
    """Return a PNG file of `bits` per value, kind 0 grey or 2 RGB."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", pixels_per_row, len(rows), bits, kind, 0, 0, 0)
    packed = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def top_down_bmp(pixels: np.ndarray) -> bytes:
    """Return an RGB BMP file whose first row is the upper one; 3 x the width has to be a multiple of 4."""
    height, width, _ = pixels.shape
    body = np.ascontiguousarray(pixels[..., ::-1]).tobytes()
    info = struct.pack("<IiiHHIIiiII", 40, width, -height, 1, 24, 0, len(body), 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(body), 0, 0, 54) + info + body


def with_palette(indices: np.ndarray, colours: list[tuple[int, int, int]]) -> Image.Image:
    """Return an image of the mode P."""
    image = Image.frombytes("P", indices.shape[::-1], indices.astype(np.uint8).tobytes())
    image.putpalette([value for colour in colours for value in colour])
    return image


def turned_by(value: int, pixels: np.ndarray, **options: Any) -> Save:
    """Write with Pillow and an orientation tag."""
    exif = Image.Exif()
    exif[274] = value
    return lambda path: Image.fromarray(pixels).save(path, exif=exif, **options)


def tiff(pixels: np.ndarray, **options: Any) -> Save:
    return lambda path: tifffile.imwrite(path, pixels, **options)


def packed_tiff(pixels: np.ndarray, bits: int, **options: Any) -> Save:
    """Write with `bits` per value, row by row; imagecodecs before 2025.8.2 only reads such files."""
    all_bits = np.unpackbits(pixels.astype(">u2").view(np.uint8).reshape(*pixels.shape, 2), axis=-1)
    rows = np.packbits(all_bits[..., -bits:].reshape(len(pixels), -1), axis=-1).tobytes()
    of_file = {"shape": pixels.shape, "dtype": pixels.dtype, "bitspersample": bits, "rowsperstrip": len(pixels)}
    return lambda path: tifffile.imwrite(path, iter([rows]), **of_file, **options)


def orientation(value: int) -> list[tuple[Any, ...]]:
    return [(274, 3, 1, value, True)]


def save(image: Image.Image, **options: Any) -> Save:
    return lambda path: image.save(path, **options)


def content(data: bytes) -> Save:
    return lambda path: path.write_bytes(data)


@dataclass(frozen=True)
class Kind:
    """A kind of file."""

    ending: str
    write: Save
    refused: str = ""
    """What the refusal says; empty if the file is read."""
    only_training: str = ""
    """What stage 1 and the conversion say about a file that training can read."""
    warns: bool = False
    stage_1: str = ""
    """What stage 1 says about a file that training and conversion can read."""


def _kinds() -> dict[str, Kind]:
    kinds = {
        "PNG, RGB": Kind(".png", save(Image.fromarray(RGB))),
        "PNG, grey": Kind(".png", save(Image.fromarray(GREY))),
        "PNG, palette": Kind(".png", save(with_palette(FEW, COLOURS))),
        "PNG, palette with an unused transparent colour": Kind(
            ".png", save(with_palette(FEW % 3, COLOURS), transparency=3)
        ),
        "PNG, palette with a transparent colour": Kind(
            ".png", save(with_palette(FEW, COLOURS), transparency=2), "transparent pixels"
        ),
        "PNG, palette with half transparent colours": Kind(
            ".png", save(with_palette(FEW, COLOURS), transparency=b"\xff\x80\xff\xff"), "transparent pixels"
        ),
        "PNG, transparent key colour": Kind(
            ".png", save(Image.fromarray(RGB), transparency=tuple(RGB[3, 4].tolist())), "transparent pixels"
        ),
        "PNG, transparent grey": Kind(
            ".png", save(Image.fromarray(GREY), transparency=int(GREY[0, 0])), "transparent pixels"
        ),
        "PNG, opaque alpha": Kind(".png", save(Image.fromarray(np.dstack([RGB, OPAQUE])))),
        "PNG, alpha": Kind(".png", save(Image.fromarray(np.dstack([RGB, CLEAR]))), only_training="transparent pixels"),
        "PNG, grey with alpha": Kind(".png", save(Image.fromarray(np.dstack([GREY, OPAQUE]))), r"shape \(24, 40, 2\)"),
        "PNG, 16-bit RGB": Kind(".png", content(imagecodecs.png_encode(RGB.astype(np.uint16) * 257)), warns=True),
        "PNG, 4-bit grey": Kind(".png", content(png_bytes(40, [((r[::2] << 4) | r[1::2]).tobytes() for r in FEW], 4))),
        "PNG, animation": Kind(
            ".png",
            save(Image.fromarray(GREY), save_all=True, append_images=[Image.fromarray(255 - GREY)]),
            "animation of 2 images",
        ),
        "BMP, RGB": Kind(".bmp", save(Image.fromarray(RGB))),
        "BMP, palette of 4 bits": Kind(".bmp", save(with_palette(FEW, COLOURS))),
        "BMP, top row first": Kind(".bmp", content(top_down_bmp(RGB))),
        "JPEG, RGB": Kind(".jpg", save(Image.fromarray(RGB))),
        "JPEG, grey": Kind(".jpeg", save(Image.fromarray(GREY))),
        "JPEG, CMYK": Kind(".jpg", save(Image.fromarray(RGB).convert("CMYK")), r"colours for print \(CMYK\)"),
        "JPEG, named PNG": Kind(".png", save(Image.fromarray(RGB), format="JPEG")),
        "TIFF, RGB": Kind(".tif", tiff(RGB, photometric="rgb")),
        "TIFF, grey": Kind(".tiff", tiff(GREY, photometric="minisblack")),
        "TIFF, zero is white": Kind(".tif", tiff(GREY, photometric="miniswhite")),
        "TIFF, zero is white, compressed": Kind(".tif", tiff(GREY, photometric="miniswhite", compression="zlib")),
        "TIFF, named PNG, zero is white": Kind(".png", tiff(GREY, photometric="miniswhite")),
        "TIFF, zero is white, signed": Kind(
            ".tif", tiff(GREY.astype(np.int16), photometric="miniswhite"), "0 is white, but the values are int16"
        ),
        "TIFF, palette": Kind(".tif", save(with_palette(FEW, COLOURS))),
        "TIFF, palette of its own greys": Kind(".tif", save(with_palette(GREY, [(i, i, i) for i in range(256)]))),
        "TIFF, 4 bits": Kind(".tif", packed_tiff(GREY % 16, 4, photometric="minisblack")),
        "TIFF, 2 bits, zero is white": Kind(".tif", packed_tiff(FEW, 2, photometric="miniswhite")),
        "TIFF, colour planes": Kind(
            ".tif", tiff(np.moveaxis(RGB, -1, 0).copy(), photometric="rgb", planarconfig="separate")
        ),
        "TIFF, opaque alpha": Kind(
            ".tif", tiff(np.dstack([RGB, OPAQUE]), photometric="rgb", extrasamples=["unassalpha"])
        ),
        "TIFF, alpha": Kind(
            ".tif",
            tiff(np.dstack([RGB, CLEAR]), photometric="rgb", extrasamples=["unassalpha"]),
            only_training="transparent pixels",
        ),
        "TIFF, premultiplied alpha": Kind(
            ".tif",
            tiff(np.dstack([RGB, CLEAR]), photometric="rgb", extrasamples=["assocalpha"]),
            "transparent pixels",
        ),
        "TIFF, JPEG inside": Kind(".tif", tiff(RGB, photometric="ycbcr", compression="jpeg")),
        "TIFF, YCbCr": Kind(".tif", tiff(RGB, photometric="ycbcr"), "values of the kind YCBCR"),
        "TIFF, CIELab": Kind(".tif", tiff(RGB, photometric="cielab"), "values of the kind CIELAB"),
        "TIFF, CMYK": Kind(".tif", save(Image.fromarray(RGB).convert("CMYK")), r"colours for print \(CMYK\)"),
        "TIFF, pages": Kind(".tif", tiff(np.stack([GREY] * 5), photometric="minisblack"), r"shape \(5, 24, 40\)"),
        "TIFF, resolution in inches": Kind(".tif", tiff(RGB, resolution=(72, 36), resolutionunit=2)),
        "TIFF, most significant byte first": Kind(".tif", tiff(RGB, byteorder=">")),
        "TIFF, 16 bits, most significant byte first": Kind(
            ".tif", tiff(GREY.astype(np.uint16) * 257, byteorder=">"), stage_1="is a uint16 image"
        ),
        "TIFF, 12 bits": Kind(
            ".tif",
            packed_tiff(GREY.astype(np.uint16) * 16, 12, photometric="minisblack"),
            stage_1="is a uint16 image",
        ),
        "TIFF, fractions": Kind(".tif", tiff(GREY / np.float32(7)), only_training="float32"),
        "TIFF, black and white": Kind(".tif", save(Image.fromarray(GREY > 99)), only_training="bool"),
    }
    for value in range(1, 10):
        kinds[f"PNG, orientation {value}"] = Kind(".png", turned_by(value, RGB))
        kinds[f"JPEG, orientation {value}"] = Kind(".jpg", turned_by(value, RGB, quality=95))
        kinds[f"TIFF, orientation {value}"] = Kind(".tif", tiff(RGB, photometric="rgb", extratags=orientation(value)))
    return kinds


KINDS = _kinds()


def as_viewers_show(path: Path) -> np.ndarray:
    """Return the picture as Pillow shows it, without alpha: (H, W) if it is grey, otherwise (H, W, 3)."""
    with Image.open(path) as image:
        shown = ImageOps.exif_transpose(image)
        grey = shown.mode in ("1", "L", "F") or shown.mode.startswith("I")
        return np.asarray(shown if grey else shown.convert("RGB"))
