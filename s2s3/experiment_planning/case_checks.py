"""What can be wrong with one training case: every problem in a line that says what was found and what was expected."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from nnunetv2.imageio.base_reader_writer import BaseReaderWriter

_MOST_COUNTED_LABELS = 1 << 16
_MOST_LISTED_LABELS = 10


@dataclass(frozen=True)
class CaseFindings:
    """Problems make the case unusable; remarks are worth a look."""

    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def __add__(self, other: "CaseFindings") -> "CaseFindings":
        return CaseFindings(self.problems + other.problems, self.remarks + other.remarks)


def inspect_case(
    image_files: Sequence[str],
    label_file: str,
    expected_num_channels: int,
    expected_labels: Sequence[int] | None,
    readerclass: type["BaseReaderWriter"],
) -> CaseFindings:
    """Read a case once and return everything that is wrong with it.

    Parameters:
        expected_labels: all label values of dataset.json, the ignore label included; None to accept any.
    """
    reader = readerclass()
    images, image_problem = _read(reader.read_images, list(image_files), image_files[0] if image_files else "")
    label, label_problem = _read(reader.read_seg, label_file, label_file)
    findings = CaseFindings(tuple(problem for problem in (image_problem, label_problem) if problem))
    if label is not None and expected_labels is None:
        findings += CaseFindings(tuple(_nan_problem(label[0], label_file)))
    elif label is not None:
        findings += inspect_labels(label[0], label_file, expected_labels or ())
    if images is not None:
        findings += CaseFindings(tuple(_image_problems(images[0], image_files, expected_num_channels)))
    if images is not None and label is not None:
        findings += compare_geometry(images, label, image_files[0], label_file)
    return findings


def _read(read: Callable[[Any], Any], files: Any, name: str) -> tuple[tuple[np.ndarray, dict[str, Any]] | None, str]:
    """Return what the reader gives, or None and the reason in a line."""
    try:
        return read(files), ""
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        return None, reason if name in reason else f"{name}: {reason}"


def _image_problems(images: np.ndarray, files: Sequence[str], expected_num_channels: int) -> Iterator[str]:
    yield from _nan_problem(images, files[0])
    if len(images) != expected_num_channels:
        what = (
            f"{len(files)} file(s) of this case give {len(images)} channels, dataset.json names {expected_num_channels}"
        )
        yield f"{files[0]}: {what}{_channel_hint(len(images), expected_num_channels)}"


def _nan_problem(array: np.ndarray, name: str) -> Iterator[str]:
    if np.isnan(array.min()):
        yield f"{name}: contains NaN, expected numbers; replace it"


def _channel_hint(found: int, expected: int) -> str:
    hints = {
        (4, 3): "; save RGBA images without alpha",
        (1, 3): "; save grey images as RGB",
        (3, 1): "; an RGB image needs three channel_names, or save it as grey",
    }
    return hints.get((found, expected), "")


def inspect_labels(label: np.ndarray, label_file: str, expected_labels: Sequence[int]) -> CaseFindings:
    """Return what is wrong with the values of a label image of shape (1, x, y, z)."""
    if len(label) != 1:
        return CaseFindings(
            (f"{label_file}: {len(label)} channels, expected one; labels are grey values, save no colours",)
        )
    counts, others = count_labels(label)
    expected = [int(value) for value in expected_labels]
    unknown = {value: count for value, count in counts.items() if value not in expected}
    problems = [
        f"{label_file}: found {value}{_suggestion(value, counts, expected)} ({count} voxels; "
        f"dataset.json has {', '.join(map(str, expected))})"
        for value, count in islice(unknown.items(), _MOST_LISTED_LABELS)
    ]
    if len(unknown) > _MOST_LISTED_LABELS:
        problems.append(f"{label_file}: {len(unknown) - _MOST_LISTED_LABELS} more such values, up to {max(unknown)}")
    if others:
        problems.append(f"{label_file}: {others} voxels hold no whole number (NaN or fractions), expected labels")
    only_background = set(counts) == {0} and not others
    return CaseFindings(tuple(problems), (f"{label_file}: only background",) if only_background else ())


def count_labels(label: np.ndarray) -> tuple[dict[int, int], int]:
    """Return label value -> number of voxels in ascending order, and the number of voxels that hold no whole number."""
    flat = label.ravel()
    whole = np.isfinite(flat) & (flat == np.rint(flat))
    others = int(flat.size - np.count_nonzero(whole))
    if others:
        flat = flat[whole]
    values = flat.astype(np.int64)
    if values.size and values.min() >= 0 and values.max() < _MOST_COUNTED_LABELS:
        counts = np.bincount(values)
        return {int(value): int(counts[value]) for value in np.flatnonzero(counts)}, others
    found, numbers = np.unique(values, return_counts=True)
    return dict(zip(found.tolist(), numbers.tolist(), strict=True)), others


def _suggestion(value: int, counts: Mapping[int, int], expected: Sequence[int]) -> str:
    """Guess by rank: 0/255 is meant as 0/1, 0/127/255 as 0/1/2; says nothing where the file has more values."""
    found = sorted({0, *counts})
    if len(found) > len(expected):
        return ""
    meant = sorted(expected)[found.index(value)]
    return f", did you mean {meant}?" if meant not in counts else ""


def compare_geometry(
    images: tuple[np.ndarray, Mapping[str, Any]],
    label: tuple[np.ndarray, Mapping[str, Any]],
    image_file: str,
    label_file: str,
) -> CaseFindings:
    """Compare what the reader gave for images and label: shape and spacing have to agree, orientation should."""
    (image, of_image), (segmentation, of_label) = images, label
    problems = []
    if image.shape[1:] != segmentation.shape[1:]:
        problems.append(
            f"{label_file}: shape {segmentation.shape[1:]}, expected {image.shape[1:]} as {image_file} has; "
            "export the mask in the size of its image"
        )
    if not np.allclose(of_image["spacing"], of_label["spacing"]):
        problems.append(
            f"{label_file}: spacing {_numbers(of_label['spacing'])}, expected {_numbers(of_image['spacing'])} "
            f"as {image_file} has"
        )
    remarks = [f"{label_file}: {what} differs from that of {image_file}" for what in _placement(of_image, of_label)]
    return CaseFindings(tuple(problems), tuple(remarks))


def _numbers(values: Any) -> list[float]:
    return [float(value) for value in values]


def _placement(of_image: Mapping[str, Any], of_label: Mapping[str, Any]) -> Iterator[str]:
    """Yield which of affine, origin and direction differ, as far as the reader gives them."""
    entries = (("nibabel_stuff", "original_affine", "affine"), ("sitk_stuff", "origin", "origin"))
    for group, key, name in (*entries, ("sitk_stuff", "direction", "direction")):
        ours, theirs = of_image.get(group, {}).get(key), of_label.get(group, {}).get(key)
        if ours is not None and theirs is not None and not _same(ours, theirs):
            yield name


def _same(one: Any, other: Any) -> bool:
    one, other = np.asarray(one), np.asarray(other)
    return one.shape == other.shape and bool(np.allclose(one, other))
