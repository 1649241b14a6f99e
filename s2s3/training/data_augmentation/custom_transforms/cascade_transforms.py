"""Transforms of the previous stage's segmentation in a cascade, for pipelines of batchgenerators.

nnU-Net's own trainers use those of batchgeneratorsv2; these are for trainers of other people. They change batches, with
equal seeds as nnU-Net's do.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from acvl_utils.morphology.morphology_helper import label_with_component_sizes
from batchgenerators.transforms.abstract_transforms import AbstractTransform
from scipy import ndimage
from skimage.morphology import ball, disk

Channels = int | list[int] | tuple[int, ...]


def binary_dilation(image: np.ndarray, footprint: np.ndarray) -> np.ndarray:
    """Return where the footprint around a voxel meets the mask."""
    return ndimage.binary_dilation(image, footprint)


def binary_erosion(image: np.ndarray, footprint: np.ndarray) -> np.ndarray:
    """Return where the footprint around a voxel lies in the mask, which is taken to go on beyond the image."""
    return ndimage.binary_erosion(image, footprint, border_value=1)


def binary_closing(image: np.ndarray, footprint: np.ndarray) -> np.ndarray:
    """Dilate, then erode."""
    return binary_erosion(binary_dilation(image, footprint), footprint)


def binary_opening(image: np.ndarray, footprint: np.ndarray) -> np.ndarray:
    """Erode, then dilate."""
    return binary_dilation(binary_erosion(image, footprint), footprint)


class MoveSegAsOneHotToData(AbstractTransform):
    """Appends one channel per label of a segmentation channel to the image.

    Parameters:
        index_in_origin: channel of the segmentation, (B, C, *space).
        all_labels: the labels, in the order of the new channels.
        key_origin, key_target: names of segmentation and image in the batch.
        remove_from_origin: take the channel out of the segmentation.
    """

    def __init__(
        self,
        index_in_origin: int,
        all_labels: tuple[int, ...] | list[int],
        key_origin: str = "seg",
        key_target: str = "data",
        remove_from_origin: bool = True,
    ):
        self.index_in_origin = index_in_origin
        self.all_labels = all_labels
        self.key_origin = key_origin
        self.key_target = key_target
        self.remove_from_origin = remove_from_origin

    def __call__(self, **data_dict: Any) -> dict[str, Any]:
        """Return the batch with a longer image."""
        origin, target = data_dict[self.key_origin], data_dict[self.key_target]
        labels = origin[:, self.index_in_origin]
        one_hot = np.stack([labels == label for label in self.all_labels], axis=1).astype(target.dtype)
        data_dict[self.key_target] = np.concatenate([target, one_hot], axis=1)
        if self.remove_from_origin:
            data_dict[self.key_origin] = np.delete(origin, self.index_in_origin, axis=1)
        return data_dict


class RemoveRandomConnectedComponentFromOneHotEncodingTransform(AbstractTransform):
    """Deletes a random connected component from each of some channels, in place.

    Parameters:
        channel_idx: the channels; nonzero is the mask.
        p_per_sample, p_per_label: probabilities that a sample, and then a channel, is changed.
        fill_with_other_class_p: probability that the component is given to another of the channels.
        dont_do_if_covers_more_than_x_percent: components of this fraction of the image, or more, are never deleted.
    """

    def __init__(
        self,
        channel_idx: int | list[int],
        key: str = "data",
        p_per_sample: float = 0.2,
        fill_with_other_class_p: float = 0.25,
        dont_do_if_covers_more_than_x_percent: float = 0.25,
        p_per_label: float = 1,
    ):
        self.channel_idx = _as_channels(channel_idx)
        self.key = key
        self.p_per_sample = p_per_sample
        self.fill_with_other_class_p = fill_with_other_class_p
        self.dont_do_if_covers_more_than_x_percent = dont_do_if_covers_more_than_x_percent
        self.p_per_label = p_per_label

    def __call__(self, **data_dict: Any) -> dict[str, Any]:
        """Return the batch."""
        for sample in data_dict[self.key]:
            if np.random.uniform() < self.p_per_sample:
                for channel in self.channel_idx:
                    if np.random.uniform() < self.p_per_label:
                        self._remove_component(sample, channel)
        return data_dict

    def _remove_component(self, sample: np.ndarray, channel: int) -> None:
        components, sizes = label_with_component_sizes(sample[channel].astype(bool))
        limit = self.dont_do_if_covers_more_than_x_percent * components.size
        small = [component for component, size in sizes.items() if size < limit]
        if not small:
            return
        removed = components == np.random.choice(small)
        sample[channel][removed] = 0
        if np.random.uniform() < self.fill_with_other_class_p:
            others = [other for other in self.channel_idx if other != channel]
            if others:
                sample[np.random.choice(others)][removed] = 1


class ApplyRandomBinaryOperatorTransform(AbstractTransform):
    """Applies a random morphological operation with a random ball (2D: disk) to each of some channels, in place.

    What a channel gains is taken from the others.

    Parameters:
        channel_idx: the channels, shuffled in place for each sample; nonzero is the mask.
        p_per_sample, p_per_label: probabilities that a sample, and then a channel, is changed.
        any_of_these: functions of a bool mask and a footprint.
        strel_size: range of the radius in voxels.
    """

    def __init__(
        self,
        channel_idx: Channels,
        p_per_sample: float = 0.3,
        any_of_these: Sequence[Callable[..., np.ndarray]] = (
            binary_dilation,
            binary_erosion,
            binary_closing,
            binary_opening,
        ),
        key: str = "data",
        strel_size: tuple[int, int] = (1, 10),
        p_per_label: float = 1,
    ):
        self.channel_idx = _as_channels(channel_idx)
        self.p_per_sample = p_per_sample
        self.any_of_these = any_of_these
        self.key = key
        self.strel_size = strel_size
        self.p_per_label = p_per_label

    def __call__(self, **data_dict: Any) -> dict[str, Any]:
        """Return the batch."""
        for sample in data_dict[self.key]:
            if np.random.uniform() < self.p_per_sample:
                np.random.shuffle(self.channel_idx)
                for channel in self.channel_idx:
                    if np.random.uniform() < self.p_per_label:
                        self._change(sample, channel)
        return data_dict

    def _change(self, sample: np.ndarray, channel: int) -> None:
        operation: Callable[..., np.ndarray] = np.random.choice(self.any_of_these)  # type: ignore[arg-type]
        mask = sample[channel].astype(bool)
        radius = np.random.uniform(*self.strel_size)
        footprint = disk(radius) if mask.ndim == 2 else ball(radius)
        if not mask.any():
            return
        changed = operation(mask, footprint).astype(bool)
        sample[channel] = changed
        gained = changed & ~mask
        for other in self.channel_idx:
            if other != channel:
                sample[other][gained] = 0


def _as_channels(channels: Channels) -> Any:
    return [channels] if isinstance(channels, int) else channels
