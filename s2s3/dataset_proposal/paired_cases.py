"""Brings images and masks together, from what their paths say."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from nnunetv2.dataset_conversion.image_folder_cases import Pair, TestImage
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
    tests: dict[str, TestImage] = field(default_factory=dict)
    """Case -> its files: of folders for testing, and of folders of images in which nothing has a mask."""


def pair_pictures(files: Sequence[Path], root: Path, masks: Path | None = None) -> Pairing:
    """Pair images with masks.

    Parameters:
        root: the folder that was given; only names below it count.
        masks: a folder whose files are the masks, whatever their names say; all others are images then.
    """
    placed = [_placed(file, root, masks) for file in files]
    kept = [picture for picture in placed if not picture.held_out]
    mask_files = [picture for picture in kept if picture.role is Role.MASK]
    if not mask_files or len(mask_files) == len(kept):
        return Pairing([], [_nothing_to_pair(kept, root)], [])
    has_image_folders = any(picture.role is Role.IMAGE for picture in kept)
    images = [picture for picture in kept if picture.role is not Role.MASK]
    partners, lonely_masks = _partners(images, mask_files)
    unsure = [i for i in images if i not in partners and i.role is Role.UNKNOWN and has_image_folders]
    notes = [f"{len(unsure)} other pictures without a mask are left out, such as {unsure[0].file}"] if unsure else []
    left = [image for image in images if image not in partners and image not in unsure]
    unlabelled = _in_folders_without_masks(left, partners, lonely_masks)
    problems = [_lonely(image, "mask", "image", lonely_masks) for image in left if image not in unlabelled]
    problems += [_lonely(mask, "image", "mask", images) for mask in lonely_masks]
    tests, of_tests = _tests([picture for picture in placed if picture.held_out], unlabelled)
    names, twice = _names(partners)
    cases = [FoundCase(name, Pair(image.file, partners[image].file), image.place) for image, name in names.items()]
    return Pairing(sorted(cases, key=lambda case: case.name), [*problems, *twice, *of_tests], notes, tests)


def _in_folders_without_masks(
    images: Iterable[PlacedPicture], partners: Iterable[PlacedPicture], lonely_masks: Iterable[PlacedPicture]
) -> set[PlacedPicture]:
    """Return the images of folders in which no image has a mask, and for which no masks are left either."""
    paired = {image.file.parent for image in partners}
    sites, keys = {mask.site for mask in lonely_masks}, {mask.key for mask in lonely_masks}
    return {i for i in images if i.file.parent not in paired and i.site not in sites and i.key not in keys}


def _tests(
    held_out: Sequence[PlacedPicture], unlabelled: Iterable[PlacedPicture]
) -> tuple[dict[str, TestImage], list[Problem]]:
    images = [picture for picture in held_out if picture.role is not Role.MASK]
    partners, lonely = _partners(images, [picture for picture in held_out if picture.role is Role.MASK])
    problems = [_lonely(mask, "image", "mask", images) for mask in lonely]
    names, twice = _names([*images, *sorted(unlabelled, key=lambda image: image.file)])
    tests = {
        name: TestImage(image.file, partners[image].file if image in partners else None)
        for image, name in sorted(names.items(), key=lambda item: item[1])
    }
    return tests, problems + twice


def _placed(file: Path, root: Path, masks: Path | None) -> PlacedPicture:
    if masks is None:
        return place_picture(file, root)
    is_mask = file.is_relative_to(masks)
    placed = place_picture(file, masks if is_mask else root)
    return replace(placed, role=Role.MASK if is_mask else Role.IMAGE)


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
    """Return image -> mask, and masks that are left.

    A pair has the same name, and lies in the same place; else in folders that differ in words beside those for images
    and masks alone; else anywhere.
    """
    partners: dict[PlacedPicture, PlacedPicture] = {}
    for whereabouts in (_place, _site, _anywhere):
        images_left = _by_key([image for image in images if image not in partners], whereabouts)
        used = set(partners.values())
        masks_left = _by_key([mask for mask in masks if mask not in used], whereabouts)
        for key, candidates in images_left.items():
            if len(candidates) == 1 and len(masks_left.get(key, [])) == 1:
                partners[candidates[0]] = masks_left[key][0]
    used = set(partners.values())
    return partners, [mask for mask in masks if mask not in used]


def _place(picture: PlacedPicture) -> tuple[str, ...]:
    return picture.place


def _site(picture: PlacedPicture) -> tuple[str, ...]:
    return picture.site


def _anywhere(_: PlacedPicture) -> tuple[str, ...]:
    return ()


def _by_key(
    pictures: Iterable[PlacedPicture], whereabouts: Callable[[PlacedPicture], tuple[str, ...]]
) -> dict[tuple[tuple[str, ...], str], list[PlacedPicture]]:
    found: dict[tuple[tuple[str, ...], str], list[PlacedPicture]] = defaultdict(list)
    for picture in pictures:
        found[whereabouts(picture), picture.key].append(picture)
    return found


def _names(images: Iterable[PlacedPicture]) -> tuple[dict[PlacedPicture, str], list[Problem]]:
    """Name cases like their images, with the names of folders before them where images share a name.

    Of images with one and the same name the last is returned, the others are problems.
    """
    listed = list(images)
    counts = Counter(image.case.lower() for image in listed)
    with_folders = max(counts.values(), default=1) > 1
    taken: dict[str, PlacedPicture] = {}
    names: dict[PlacedPicture, str] = {}
    problems = []
    for image in listed:
        name = "_".join([*image.place, image.case]) if with_folders else image.case
        name = re.sub(r"[^\w.-]+", "_", name).strip("_")
        name += "_image" if name.endswith("_seg") else ""
        other = taken.get(name.lower())
        if other is not None:
            problems.append(Problem(str(image.file), f"has the name of {other.file}", "rename one of them"))
            del names[other]
        taken[name.lower()] = image
        names[image] = name
    return names, problems
