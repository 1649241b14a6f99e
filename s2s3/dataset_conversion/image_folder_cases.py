"""Pairs a folder of images with a folder of masks and turns one pair into nnU-Net's files."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnunetv2.errors import DriftError

IMAGE_ENDINGS = (".png", ".tif", ".tiff", ".bmp", ".jpg", ".jpeg")
MASK_ENDINGS = (".png", ".tif", ".tiff", ".bmp")
_CHANNEL = "_0000"


@dataclass(frozen=True)
class Pair:
    """One image and its mask."""

    image: Path
    mask: Path


def find_pairs(images: Path, masks: Path, mask_suffix: str = "") -> tuple[dict[str, Pair], list[str]]:
    """Return case -> pair in sorted order, and a line for every file without a partner.

    Image `x.png` or `x_0000.png` goes with mask `x<mask_suffix>.png`, in any supported endings.
    """
    image_files, problems = _by_case(images, IMAGE_ENDINGS, _CHANNEL)
    mask_files, mask_problems = _by_case(masks, MASK_ENDINGS, mask_suffix)
    problems += mask_problems
    problems += [f"{file}: no mask in {masks}" for case, file in image_files.items() if case not in mask_files]
    problems += [f"{file}: no image in {images}" for case, file in mask_files.items() if case not in image_files]
    pairs = {case: Pair(file, mask_files[case]) for case, file in image_files.items() if case in mask_files}
    return pairs, problems


def _by_case(folder: Path, endings: tuple[str, ...], suffix: str) -> tuple[dict[str, Path], list[str]]:
    files: dict[str, Path] = {}
    problems = []
    for file in sorted(folder.iterdir()):
        if file.name.startswith(".") or file.suffix.lower() not in endings:
            continue
        case = file.stem.removesuffix(suffix)
        if case in files:
            problems.append(f"{file}: {files[case].name} has the same case name {case!r}; keep one of them")
        files[case] = file
    return files, problems


@dataclass(frozen=True)
class ConvertedCase:
    """What the conversion of a pair found."""

    problems: tuple[str, ...] = ()
    channels: int = 0
    labels: tuple[int, ...] = ()
    """Values of the mask after relabelling."""


def convert_pair(pair: Pair, case: str, target: Path, relabel: Mapping[int, int]) -> ConvertedCase:
    """Write `imagesTr/<case>_0000.png` and `labelsTr/<case>.png` below `target`; problems are returned, not raised."""
    from nnunetv2.imageio.natural_image_files import read_label_pixels, read_pixels, write_label_pixels

    try:
        image, labels = read_pixels(str(pair.image)), read_label_pixels(str(pair.mask))
    except DriftError as error:
        return ConvertedCase((str(error),))
    problems = tuple(_pair_problems(image, labels, pair))
    if problems:
        return ConvertedCase(problems)
    labels = _relabelled(labels.astype(np.uint16), relabel)
    _write_image(image, pair.image, target / "imagesTr" / f"{case}{_CHANNEL}.png")
    small = labels.max() <= np.iinfo(np.uint8).max
    write_label_pixels(labels.astype(np.uint8) if small else labels, str(target / "labelsTr" / f"{case}.png"))
    channels = 1 if image.ndim == 2 else 3
    return ConvertedCase((), channels, tuple(np.unique(labels).tolist()))


def _pair_problems(image: np.ndarray, labels: np.ndarray, pair: Pair) -> Iterator[str]:
    if image.dtype != np.uint8 and not (image.dtype == np.uint16 and image.ndim == 2):
        yield f"{pair.image}: {image.dtype} values, expected 8 bits (grey: 8 or 16 bits)"
    if image.shape[:2] != labels.shape:
        yield f"{pair.mask}: {labels.shape} pixels, expected {image.shape[:2]} as {pair.image} has"
    if not np.issubdtype(labels.dtype, np.integer) and labels.dtype != bool:
        yield f"{pair.mask}: {labels.dtype} values, expected whole numbers as labels"
    elif labels.min() < 0 or labels.max() > np.iinfo(np.uint16).max:
        yield f"{pair.mask}: values {labels.min()} to {labels.max()}, expected labels from 0 to 65535"


def _relabelled(labels: np.ndarray, relabel: Mapping[int, int]) -> np.ndarray:
    changed = labels.copy()
    for old, new in relabel.items():
        changed[labels == old] = new
    return changed


def _write_image(pixels: np.ndarray, source: Path, target: Path) -> None:
    """Copy a plain PNG as it is; anything else is written as PNG, palettes as RGB, alpha dropped."""
    from PIL import Image

    if source.suffix.lower() == ".png":
        with Image.open(source) as image:
            plain = image.mode in ("RGB", "L", "I;16")
        if plain:
            shutil.copyfile(source, target)
            return
    Image.fromarray(pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., :3])).save(target)
