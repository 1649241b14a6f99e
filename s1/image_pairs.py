"""Pair images with their masks."""

from dataclasses import dataclass
from pathlib import Path

from s1.case_names import case_of, composed
from s1.errors import ImageProblemError
from s1.file_endings import PICTURE_ENDINGS
from s1.listed_files import list_files
from s1.problem_lists import raise_together


@dataclass(frozen=True)
class ImagePair:
    """An image and its mask, if it has one."""

    image: Path
    mask: Path | None


def find_pairs(image_folder: Path, mask_folder: Path | None) -> list[ImagePair]:
    """Pair each image of a folder with its mask, in the order of their names.

    Image `x_0000.png` or `x.png` belongs to mask `x.png`, each with any of PICTURE_ENDINGS. Masks without an image
    are ignored.
    Raises ImageProblemError for a missing or empty folder, and listing all images without exactly one mask.
    """
    images, problems = _images_in(image_folder)
    if mask_folder is None:
        raise_together(ImageProblemError, "not everything with the ending of an image is one", problems)
        return [ImagePair(image, None) for image in images]
    masks: dict[str, list[Path]] = {}
    mask_files, of_masks = _images_in(mask_folder)
    for mask in mask_files:
        masks.setdefault(composed(mask.stem), []).append(mask)
    pairs, taken = [], dict[Path, Path]()
    problems += of_masks
    for image in images:
        case = case_of(image)
        found = masks.get(case) or masks.get(composed(image.stem)) or []
        if len(found) != 1:
            names = " and ".join(mask.name for mask in found) or "none"
            problems.append(f"{image}: expected one mask named {case} in {mask_folder}, found {names}")
        elif taken.setdefault(found[0], image) is not image:
            problems.append(f"{image}: its mask {found[0].name} also belongs to {taken[found[0]].name}")
        else:
            pairs.append(ImagePair(image, found[0]))
    raise_together(ImageProblemError, "images and masks do not match", problems)
    return pairs


def _images_in(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the images of a folder, and a line for everything else that has an image's ending."""
    if not folder.is_dir():
        raise ImageProblemError(f"{folder}: no such folder")
    listed = list_files(folder, PICTURE_ENDINGS, ignore_case=True)
    if not listed.names and not listed.problems:
        raise ImageProblemError(f"{folder}: contains no image (looked for {', '.join(PICTURE_ENDINGS)})")
    return [folder / name for name in listed.names], listed.problems
