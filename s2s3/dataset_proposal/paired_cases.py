"""Brings images and masks together, from what their paths say."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nnunetv2.dataset_conversion.image_folder_cases import Pair
from nnunetv2.dataset_proposal.picture_roles import PlacedPicture, Role, place_picture
from nnunetv2.dataset_proposal.problem import Problem


@dataclass(frozen=True)
class FoundCase:
    """An image and its mask."""

    name: str
    pair: Pair
    place: tuple[str, ...]
    """Names of the folders that tell its image from others, outermost first."""


@dataclass(frozen=True)
class Pairing:
    """What became of all pictures."""

    cases: list[FoundCase]
    problems: list[Problem]
    notes: list[str]


def pair_pictures(files: Sequence[Path], root: Path, masks: Path | None = None) -> Pairing:
    """Pair images with masks.

    Parameters:
        root: the folder that was given; only names below it count.
        masks: a folder whose files are the masks, whatever their names say; all others are images then.
    """
    placed = [_placed(file, root, masks) for file in files]
    kept = [picture for picture in placed if not picture.held_out]
    notes = _notes_about_held_out(placed)
    mask_files = [picture for picture in kept if picture.role is Role.MASK]
    if not mask_files or len(mask_files) == len(kept):
        return Pairing([], [_nothing_to_pair(kept, root)], notes)
    has_image_folders = any(picture.role is Role.IMAGE for picture in kept)
    images = [picture for picture in kept if picture.role is not Role.MASK]
    partners, lonely_masks = _partners(images, mask_files)
    unsure = [i for i in images if i not in partners and i.role is Role.UNKNOWN and has_image_folders]
    notes += [f"{len(unsure)} other pictures without a mask are left out, such as {unsure[0].file}"] if unsure else []
    left = [image for image in images if image not in partners and image not in unsure]
    problems = [_lonely(image, "mask", "image", lonely_masks) for image in left]
    problems += [_lonely(mask, "image", "mask", images) for mask in lonely_masks]
    cases, twice = _named_cases(partners)
    return Pairing(cases, [*problems, *twice], notes)


def _placed(file: Path, root: Path, masks: Path | None) -> PlacedPicture:
    if masks is None:
        return place_picture(file, root)
    is_mask = file.is_relative_to(masks)
    placed = place_picture(file, masks if is_mask else root)
    return replace(placed, role=Role.MASK if is_mask else Role.IMAGE)


def _notes_about_held_out(placed: Iterable[PlacedPicture]) -> list[str]:
    count = sum(picture.held_out for picture in placed)
    return [f"{count} pictures in folders for testing are left out of the training data"] if count else []


def _nothing_to_pair(kept: Sequence[PlacedPicture], root: Path) -> Problem:
    if not kept:
        return Problem(str(root), "no images (.png, .tif, .bmp, .jpg)", "give the folder in which the images lie")
    what = "only masks, no images" if kept[0].role is Role.MASK else "images, but no masks"
    return Problem(
        str(root), what, "call the folder of masks `masks`, end their names in _mask, or give the folder with -m"
    )


def _lonely(picture: PlacedPicture, wanted: str, own: str, others: Iterable[PlacedPicture]) -> Problem:
    alike = [other for other in others if other.key == picture.key]
    near = [other for other in alike if other.place == picture.place] or alike
    candidates = [f"{other.file.parent.name}/{other.file.name}" for other in near]
    if candidates:
        what = f"it is not clear which {wanted} belongs to this {own}: {', '.join(candidates[:3])}"
        return Problem(str(picture.file), what, "keep one image and one mask of each name")
    fix = "give image and mask the same name, in folders such as images and masks; or remove the file"
    return Problem(str(picture.file), f"no {wanted} for this {own}", fix)


def _partners(
    images: Sequence[PlacedPicture], masks: Sequence[PlacedPicture]
) -> tuple[dict[PlacedPicture, PlacedPicture], list[PlacedPicture]]:
    """Return image -> mask of the same name in the same place, else of the same name in any place, and other masks."""
    partners: dict[PlacedPicture, PlacedPicture] = {}
    for with_place in (True, False):
        images_left = _by_key([image for image in images if image not in partners], with_place)
        used = set(partners.values())
        masks_left = _by_key([mask for mask in masks if mask not in used], with_place)
        for key, candidates in images_left.items():
            if len(candidates) == 1 and len(masks_left.get(key, [])) == 1:
                partners[candidates[0]] = masks_left[key][0]
    used = set(partners.values())
    return partners, [mask for mask in masks if mask not in used]


def _by_key(pictures: Iterable[PlacedPicture], with_place: bool) -> dict[object, list[PlacedPicture]]:
    found: dict[object, list[PlacedPicture]] = defaultdict(list)
    for picture in pictures:
        found[(picture.place, picture.key) if with_place else picture.key].append(picture)
    return found


def _named_cases(partners: dict[PlacedPicture, PlacedPicture]) -> tuple[list[FoundCase], list[Problem]]:
    """Name cases like their images, with the names of folders before them where images share a name."""
    counts = Counter(image.case.lower() for image in partners)
    with_folders = max(counts.values(), default=1) > 1
    cases: dict[str, FoundCase] = {}
    problems = []
    for image, mask in partners.items():
        name = "_".join([*image.place, image.case]) if with_folders else image.case
        name = re.sub(r"[^\w.-]+", "_", name).strip("_")
        name += "_image" if name.endswith("_seg") else ""
        if name.lower() in cases:
            what = f"has the name of {cases[name.lower()].pair.image}"
            problems.append(Problem(str(image.file), what, "rename one of them"))
        cases[name.lower()] = FoundCase(name, Pair(image.file, mask.file), image.place)
    return sorted(cases.values(), key=lambda case: case.name), problems
