"""The interface of all image readers and writers, and helpers that several of them use."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from nnunetv2.errors import ImageProblemError
from nnunetv2.imageio.row_images import RowImage


class BaseReaderWriter(ABC):
    """Reads the images and the label map of one case, writes label maps.

    A subclass placed in `nnunetv2.imageio` is found by its class name; `supported_file_endings` lists what it reads,
    lower case with the leading dot.
    """

    supported_file_endings: ClassVar[list[str]] = []

    @staticmethod
    def _check_all_same(input_list: Sequence[Any]) -> bool:
        """Return whether all entries are close to the first one (relative 1e-5, absolute 1e-8)."""
        return all(np.allclose(entry, input_list[0]) for entry in input_list[1:])

    @staticmethod
    def _check_all_same_array(input_list: Sequence[np.ndarray]) -> bool:
        """Return whether all arrays have the shape of the first one and values close to it."""
        first = input_list[0]
        return all(first.shape == array.shape and np.allclose(first, array) for array in input_list[1:])

    @abstractmethod
    def read_images(self, image_fnames: list[str] | tuple[str, ...]) -> tuple[np.ndarray, dict[str, Any]]:
        """Read the files of one case, in channel order.

        Returns:
            array (C, x, y, z) float32; a 2D image is (C, 1, H, W),
            properties with at least `spacing`: three numbers in the order of the array axes; in 2D images the first one
            is a placeholder larger than the other two. They also hold whatever write_seg needs.
        """

    def read_stored(self, image_fnames: list[str] | tuple[str, ...]) -> tuple[list[np.ndarray], dict[str, Any]]:
        """Read the files of one case without joining them; values may be of the type in the files, where it is smaller.

        Returns:
            arrays (c, x, y, z), which `stack_channels` joins to what read_images returns,
            the properties of read_images.
        """
        images, properties = self.read_images(image_fnames)
        return [images], properties

    def read_in_rows(
        self, image_fnames: list[str] | tuple[str, ...]
    ) -> tuple[Sequence[np.ndarray | RowImage], dict[str, Any]]:
        """Read as read_stored does, except that a file whose rows can be read when they are needed is a RowImage."""
        return self.read_stored(image_fnames)

    @abstractmethod
    def read_seg(self, seg_fname: str) -> tuple[np.ndarray, dict[str, Any]]:
        """Read a label map as (1, x, y, z) float32, with properties like those of read_images."""

    def read_stored_seg(self, seg_fname: str) -> tuple[np.ndarray, dict[str, Any]]:
        """Read what read_seg reads; values may be of the type in the file, where it is smaller."""
        return self.read_seg(seg_fname)

    def side_files(self, image_fnames: Sequence[str]) -> list[str]:
        """Return paths of other files that read_images looks at, whether they exist or not."""
        return []

    def label_side_files(self, seg_fname: str) -> list[str]:
        """Return paths of other files that read_seg looks at, whether they exist or not; copies take them along."""
        return []

    @abstractmethod
    def write_seg(self, seg: np.ndarray, output_fname: str, properties: dict[str, Any]) -> None:
        """Write an integer label map (x, y, z), or (1, H, W), with the geometry in `properties`."""


def stack_channels(images: Sequence[np.ndarray], image_fnames: Sequence[str]) -> np.ndarray:
    """Join the (C, x, y, z) arrays of one case along the channels, as float32; they must all have the same shape.

    The memory layout follows the inputs: channels of a colour image stay interleaved.
    """
    if any(image.shape != images[0].shape for image in images):
        raise ImageProblemError(f"the images of one case differ in shape: {_by_file(image_fnames, images)}")
    return np.concatenate(images, axis=0, dtype=np.float32, casting="unsafe")


def require_same(what: str, values: Sequence[Sequence[float]], image_fnames: Sequence[str]) -> None:
    """Raise ImageProblemError unless the values of all files agree; `what` names them in the message."""
    if not agree(values):
        listed = ", ".join(
            f"{name}: {list(map(float, value))}" for name, value in zip(image_fnames, values, strict=True)
        )
        raise ImageProblemError(f"the images of one case differ in {what}: {listed}")


def agree(values: Sequence[Sequence[float] | np.ndarray]) -> bool:
    """Return whether all entries have the length of the first one and are close to it."""
    return all(len(value) == len(values[0]) for value in values) and BaseReaderWriter._check_all_same(values)


def stored_dtype(seg: np.ndarray) -> type[np.unsignedinteger]:
    """Return the type that a label map is written in: 8 bits if its largest label is below 255, otherwise 16."""
    return np.uint8 if np.max(seg) < 255 else np.uint16


def _by_file(names: Sequence[str], images: Sequence[np.ndarray]) -> str:
    return ", ".join(f"{name}: {image.shape}" for name, image in zip(names, images, strict=True))
