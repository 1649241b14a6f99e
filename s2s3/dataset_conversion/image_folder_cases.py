"""Pairs a folder of images with a folder of masks and turns one pair into nnU-Net's files."""

import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnunetv2.errors import DriftError
from s1.case_names import composed, unusable_in_files
from s1.file_endings import PICTURE_ENDINGS
from s1.json_schema import escaped
from s1.listed_files import ListedFiles, list_files
from s1.orientation import orientation_problems
from s1.picture import Picture, without_alpha
from s1.pillow_files import is_jpeg, is_plain_png

MASK_ENDINGS = (".png", ".tif", ".tiff", ".bmp")
_CHANNEL = "_0000"


@dataclass(frozen=True)
class Pair:
    """One image and its mask."""

    image: Path
    mask: Path


def pair_cases(images: Path, masks: Path, mask_suffix: str = "") -> tuple[dict[str, Pair], list[str]]:
    """Return case -> pair in sorted order, and a line for every file without a partner.

    The mask of image `x.png` is `x<mask_suffix>.png`, each with any supported ending; so is that of `x_0000.png` if
    there is no `x_0000<mask_suffix>.png`. Images and masks may share a folder.
    """
    listed_masks, listed_images = _files(masks, MASK_ENDINGS), _files(images, PICTURE_ENDINGS)
    mask_files = [masks / name for name in listed_masks.names if Path(name).stem.endswith(mask_suffix)]
    masks_among_images = {file.name for file in mask_files} if images.samefile(masks) else set()
    image_files = [images / name for name in listed_images.names if name not in masks_among_images]
    problems = list(dict.fromkeys(listed_masks.problems + listed_images.problems))
    if not image_files:
        return {}, [*problems, f"{images}: no images ({', '.join(PICTURE_ENDINGS)}){_hint(masks_among_images)}"]
    mask_of, of_masks = _by_case((file.stem.removesuffix(mask_suffix), file) for file in mask_files)
    image_of, of_images = _by_case((_case_name(file.stem, mask_of), file) for file in image_files)
    problems += of_masks + of_images
    problems += [
        f"{file}: case name ends in _seg; rename it" for case, file in image_of.items() if case.endswith("_seg")
    ]
    problems += [f"{file}: no mask in {masks}" for case, file in image_of.items() if case not in mask_of]
    problems += [f"{file}: no image in {images}" for case, file in mask_of.items() if case not in image_of]
    return {case: Pair(file, mask_of[case]) for case, file in image_of.items() if case in mask_of}, problems


def _hint(masks_among_images: Collection[str]) -> str:
    return " other than the masks; pass the ending of mask names with --mask-suffix" if masks_among_images else ""


def _files(folder: Path, endings: tuple[str, ...]) -> ListedFiles:
    return list_files(folder, endings, ignore_case=True)


def _case_name(image_stem: str, masks: Collection[str]) -> str:
    return image_stem if composed(image_stem) in masks else image_stem.removesuffix(_CHANNEL)


def _by_case(named_files: Iterable[tuple[str, Path]]) -> tuple[dict[str, Path], list[str]]:
    """Return case -> file, names in composed Unicode form, and a line for each that is impossible or taken."""
    files: dict[str, Path] = {}
    problems = []
    for name, file in named_files:
        case = composed(name)
        if case in files:
            problems.append(f"{file}: {files[case].name} has the same case name {case!r}; keep one of them")
        reason = unusable_in_files(case)
        if reason:
            problems.append(f"{escaped(file)}: {reason}; rename it")
        files[case] = file
    return files, problems


@dataclass(frozen=True)
class TestImage:
    """An image that is not trained on."""

    __test__ = False  # no test of pytest

    image: Path
    mask: Path | None = None


@dataclass(frozen=True)
class ConvertedCase:
    """Result of the conversion of a pair."""

    problems: tuple[str, ...] = ()
    channels: int = 0
    labels: tuple[int, ...] = ()
    """Values of the mask after relabelling."""


def convert_pair(
    pair: Pair,
    case: str,
    target: Path,
    relabel: Mapping[int, int],
    keep_jpeg: bool = False,
    colours: Mapping[int, int] | None = None,
    split: str = "Tr",
) -> ConvertedCase:
    """Write `imagesTr/<case>_0000.png` and `labelsTr/<case>.png` below `target`; problems are returned, not raised.

    Parameters:
        keep_jpeg: copy a JPEG file as `imagesTr/<case>_0000.jpg`; any other image is a problem.
        colours: colour in the mask, 0xRRGGBB -> number that goes into `relabel`; none: the mask holds numbers.
        split: Tr or Ts, what the names of both folders end in.
    """
    from nnunetv2.dataset_conversion.mask_colours import read_mask
    from nnunetv2.imageio.natural_image_files import read_picture, write_label_pixels

    try:
        image, mask = read_picture(str(pair.image)), read_mask(str(pair.mask), colours or {})
        pixels = without_alpha(image.pixels, pair.image)
    except DriftError as error:
        return ConvertedCase((str(error),))
    problems = tuple(pair_problems(image, mask, pair, keep_jpeg))
    if problems:
        return ConvertedCase(problems)
    labels = relabelled(mask.pixels.astype(np.uint16), relabel)
    ending = ".jpg" if keep_jpeg else ".png"
    _write_image(pixels, pair.image, target / f"images{split}" / f"{case}{_CHANNEL}{ending}")
    small = labels.max() <= np.iinfo(np.uint8).max
    write_label_pixels(labels.astype(np.uint8) if small else labels, str(target / f"labels{split}" / f"{case}.png"))
    channels = 1 if pixels.ndim == 2 else 3
    return ConvertedCase((), channels, tuple(np.unique(labels).tolist()))


def convert_test_image(
    test: TestImage, case: str, target: Path, relabel: Mapping[int, int], colours: Mapping[int, int]
) -> ConvertedCase:
    """Write `imagesTs/<case>_0000.png`, and if there is a mask `labelsTs/<case>.png`; as convert_pair does."""
    from nnunetv2.imageio.natural_image_files import read_pixels

    if test.mask is not None:
        return convert_pair(Pair(test.image, test.mask), case, target, relabel, colours=colours, split="Ts")
    try:
        pixels = without_alpha(read_pixels(str(test.image)), test.image)
    except DriftError as error:
        return ConvertedCase((str(error),))
    problems = tuple(image_problems(pixels, test.image))
    if not problems:
        _write_image(pixels, test.image, target / "imagesTs" / f"{case}{_CHANNEL}.png")
    return ConvertedCase(problems, 1 if pixels.ndim == 2 else 3)


def image_problems(pixels: np.ndarray, image: Path) -> Iterator[str]:
    """Yield a line if the pixels of an image are of a kind that is not trained on."""
    if pixels.dtype != np.uint8 and not (pixels.dtype == np.uint16 and pixels.ndim == 2):
        yield f"{image}: {pixels.dtype} values, expected 8 bits (grey: 8 or 16 bits)"


def pair_problems(image: Picture, mask: Picture, pair: Pair, keep_jpeg: bool = False) -> Iterator[str]:
    """Yield a line, beginning with a file, for everything that makes an image and its mask unusable together."""
    pixels, labels = image.pixels, mask.pixels
    if keep_jpeg and not is_jpeg(pair.image):
        yield f"{pair.image}: is not a JPEG file; leave out --keep-jpeg to store all images as PNG"
    yield from image_problems(pixels, pair.image)
    if pixels.shape[:2] != labels.shape:
        expected = f"expected {pixels.shape[:2]} as {pair.image} has; export the mask at the size of its image"
        yield f"{pair.mask}: {labels.shape} pixels, {expected}"
    else:
        yield from orientation_problems(image.orientation, mask.orientation, pair.image, pair.mask, labels.shape)
    if not np.issubdtype(labels.dtype, np.integer) and labels.dtype != bool:
        yield f"{pair.mask}: {labels.dtype} values, expected whole numbers as labels"
    elif labels.min() < 0 or labels.max() > np.iinfo(np.uint16).max:
        yield f"{pair.mask}: values {labels.min()} to {labels.max()}, expected labels from 0 to 65535"


def relabelled(labels: np.ndarray, relabel: Mapping[int, int]) -> np.ndarray:
    """Return labels, whole numbers from 0 to 65535, with some values replaced, as uint16."""
    table = np.arange(np.iinfo(np.uint16).max + 1, dtype=np.uint16)
    for old, new in relabel.items():
        table[old] = new
    return table[labels]


def _write_image(pixels: np.ndarray, source: Path, target: Path) -> None:
    """Copy a file that already shows these pixels in the wanted format; write others as PNG."""
    from PIL import Image

    if target.suffix == ".jpg" or is_plain_png(source):
        shutil.copyfile(source, target)
    else:
        Image.fromarray(np.ascontiguousarray(pixels)).save(target)
