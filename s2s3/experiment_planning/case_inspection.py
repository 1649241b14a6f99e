"""Inspects one training case for the integrity check: problems of its files, and remarks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnunetv2.preprocessing.case_checks import (
    channel_problems,
    label_channel_problems,
    label_problems,
    nan_problems,
    orientation_tag_problems,
    shape_problems,
)

if TYPE_CHECKING:
    from nnunetv2.imageio.base_reader_writer import BaseReaderWriter

_Read = tuple[np.ndarray, Mapping[str, Any]]
"""What a reader returns: array and properties."""


@dataclass(frozen=True)
class CaseFindings:
    """Problems make the case unusable; remarks do not, but should be looked at."""

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
        expected_labels: all label values of dataset.json, including the ignore label; None to accept any.
    """
    reader = readerclass()
    images, image_problem = _read(reader.read_images, list(image_files), image_files[0] if image_files else "")
    label, label_problem = _read(reader.read_seg, label_file, label_file)
    findings = CaseFindings(tuple(problem for problem in (image_problem, label_problem) if problem))
    if label is not None and expected_labels is None:
        findings += CaseFindings(tuple(nan_problems(label[0], label_file)))
    elif label is not None:
        findings += inspect_labels(label[0], label_file, expected_labels or ())
    if images is not None:
        of_images = nan_problems(images[0], image_files[0])
        of_images += channel_problems(len(images[0]), image_files, expected_num_channels)
        findings += CaseFindings(tuple(of_images))
    if images is not None and label is not None:
        findings += compare_geometry(images, label, image_files[0], label_file)
    return findings


def _read(read: Callable[[Any], Any], files: Any, name: str) -> tuple[_Read | None, str]:
    """Return what the reader returns, or None and the reason on one line."""
    try:
        return read(files), ""
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        return None, reason if name in reason else f"{name}: {reason}"


def inspect_labels(label: np.ndarray, label_file: str, expected_labels: Sequence[int]) -> CaseFindings:
    """Check channels and values of a label image (1, x, y, z)."""
    problems = label_channel_problems(label, label_file) or label_problems(label, expected_labels, label_file)
    remarks = () if problems or label.any() else (f"{label_file}: only background",)
    return CaseFindings(tuple(problems), remarks)


def compare_geometry(images: _Read, label: _Read, image_file: str, label_file: str) -> CaseFindings:
    """Compare images and label as read: shape and spacing have to agree, origin and orientation should."""
    (image, of_image), (segmentation, of_label) = images, label
    problems = shape_problems(segmentation, image, label_file, image_file)
    problems += orientation_tag_problems(of_image, of_label, segmentation.shape[1:], (image_file, label_file))
    if not np.allclose(of_image["spacing"], of_label["spacing"]):
        found, expected = ([float(value) for value in properties["spacing"]] for properties in (of_label, of_image))
        problems.append(f"{label_file}: spacing {found}, expected {expected} as in {image_file}")
    remarks = [f"{label_file}: {what} differs from that of {image_file}" for what in _placement(of_image, of_label)]
    return CaseFindings(tuple(problems), tuple(remarks))


def _placement(of_image: Mapping[str, Any], of_label: Mapping[str, Any]) -> Iterator[str]:
    """Yield which of affine, origin and direction differ, as far as the reader returns them."""
    entries = (("nibabel_stuff", "original_affine", "affine"), ("sitk_stuff", "origin", "origin"))
    for group, key, name in (*entries, ("sitk_stuff", "direction", "direction")):
        ours, theirs = of_image.get(group, {}).get(key), of_label.get(group, {}).get(key)
        if ours is not None and theirs is not None and not _same(ours, theirs):
            yield name


def _same(one: Any, other: Any) -> bool:
    one, other = np.asarray(one), np.asarray(other)
    return one.shape == other.shape and bool(np.allclose(one, other))
