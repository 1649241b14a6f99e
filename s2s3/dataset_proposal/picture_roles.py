"""What the names of a picture's folders and file say: image or mask, and of which case."""

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from s1.case_names import case_of, composed

_IMAGE_WORDS = frozenset(
    {"image", "images", "img", "imgs", "picture", "pictures", "photo", "photos", "tile", "tiles", "patch", "patches"}
    | {"rgb", "input", "inputs", "original", "originals", "scan", "scans"}
)
_MASK_WORDS = frozenset(
    {"mask", "masks", "label", "labels", "labelled", "labeled", "annotation", "annotations", "annotated", "anno"}
    | {"annot", "seg", "segs", "segmentation", "segmentations", "gt", "truth", "groundtruth", "target", "targets"}
)
_JOINED_WORDS = frozenset(["ground"])
"""Part of the name of a role only beside another word of it: ground truth."""
_TRAINING_WORDS = frozenset(["train", "training", "tr", "val", "valid", "validation"])
_HELD_OUT_WORDS = frozenset(["test", "testing", "ts", "unlabelled", "unlabeled", "unannotated"])
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


class Role(Enum):
    """What a picture is."""

    IMAGE = "image"
    MASK = "mask"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class PlacedPicture:
    """A picture and what its path says about it."""

    file: Path
    role: Role
    place: tuple[str, ...]
    """Names of its folders, without words for images, masks and training."""
    site: tuple[str, ...]
    """Names of its folders that say nothing of images and masks at all."""
    key: str
    """Name of the file without such words at its ends, in lower case: equal for an image and its mask."""
    case: str
    """Name of the file without its ending and the number of a channel."""
    held_out: bool
    """Whether a folder says that it is for testing, or has no labels."""


def place_picture(file: Path, root: Path) -> PlacedPicture:
    """Read the path of a picture, relative to the folder that was given."""
    folders = [_read_folder(name) for name in file.relative_to(root).parts[:-1]]
    case = case_of(file)
    key, own_role, is_sure = _read_stem(case)
    inner = next((role for role, _, _ in reversed(folders) if role is not Role.UNKNOWN), Role.UNKNOWN)
    role = own_role if is_sure or inner is Role.UNKNOWN else inner
    place = tuple(composed(name) for _, name, _ in folders if name)
    site = tuple(composed(name) for stated, name, _ in folders if name and stated is Role.UNKNOWN)
    return PlacedPicture(file, role, place, site, key, case, any(held_out for _, _, held_out in folders))


def _read_folder(name: str) -> tuple[Role, str, bool]:
    """Return the role that a folder's name states, the rest of the name, and whether it is for testing."""
    words = _WORDS.findall(name)
    lower = [word.lower() for word in words]
    role = _role_of(lower)
    special = _TRAINING_WORDS | _HELD_OUT_WORDS
    if role is not Role.UNKNOWN:
        special |= _IMAGE_WORDS | _MASK_WORDS | _JOINED_WORDS
    held_out = bool(_HELD_OUT_WORDS.intersection(lower)) and set(lower) <= special
    if not special.intersection(lower) or (role is Role.UNKNOWN and not set(lower) <= special):
        return role, name, False
    return role, "_".join(word for word in words if word.lower() not in special), held_out


def _role_of(words: list[str]) -> Role:
    if _MASK_WORDS.intersection(words):
        return Role.MASK
    return Role.IMAGE if _IMAGE_WORDS.intersection(words) else Role.UNKNOWN


def _read_stem(stem: str) -> tuple[str, Role, bool]:
    """Return the key of a file's name, the role that it states, and whether that goes before what its folder says.

    `x_mask` is a mask wherever it lies; `mask_x` is one unless it lies in a folder of images.
    """
    parts = re.split(r"[\s_.-]+", stem)
    first, last = parts[0].lower(), parts[-1].lower()
    if len(parts) > 1 and last in _MASK_WORDS:
        cut = parts[:-2] if len(parts) > 2 and parts[-2].lower() in _JOINED_WORDS else parts[:-1]
        return _key(cut), Role.MASK, True
    if len(parts) > 1 and first in _MASK_WORDS:
        return _key(parts[1:]), Role.MASK, False
    if len(parts) > 1 and last in _IMAGE_WORDS:
        return _key(parts[:-1]), Role.IMAGE, False
    if len(parts) > 1 and first in _IMAGE_WORDS:
        return _key(parts[1:]), Role.IMAGE, False
    return _key(parts), Role.UNKNOWN, False


def _key(parts: list[str]) -> str:
    return "_".join(part.lower() for part in parts)
