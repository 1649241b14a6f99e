"""The loader of training and validation batches."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from copy import deepcopy
from functools import cached_property, partial
from types import NoneType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from acvl_utils.cropping_and_padding.bounding_boxes import crop_and_pad_nd
from batchgenerators.dataloading.data_loader import DataLoader
from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform
from threadpoolctl import threadpool_limits

from nnunetv2.errors import CheckpointError
from nnunetv2.file_kinds.case_properties import needed_entries
from nnunetv2.foundation.content_descriptions import describe_content
from nnunetv2.foundation.late_names import late_names
from nnunetv2.foundation.workers import describe_failure
from nnunetv2.pathology.stain.augmentation import OTHER_COLOURS, takes_other_colours, uses_intensities
from nnunetv2.pathology.stain.case_intensities import CaseIntensities
from nnunetv2.training.data_augmentation.deferred import deferred_of
from nnunetv2.training.data_augmentation.early_draws import DRAWN, draw_early
from nnunetv2.training.data_augmentation.measured_ways import choose_nothing_by_time
from nnunetv2.training.dataloading.batch_memory import BatchMemory, stack
from nnunetv2.training.dataloading.other_colours import colours_of
from nnunetv2.training.dataloading.patch_position import (
    ClassLocations,
    Label,
    annotated_class,
    choose_class,
    corner_around_class,
    lower_bounds,
    random_corner,
)
from nnunetv2.training.dataloading.seeded_batches import BatchStreams

if TYPE_CHECKING:
    from nnunetv2.training.dataloading.nnunet_dataset import nnUNetBaseDataset
    from nnunetv2.utilities.label_handling.label_handling import LabelManager

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(
    __name__,
    {
        "nnunetv2.paths": ("nnUNet_preprocessed",),
        "nnunetv2.training.dataloading.nnunet_dataset": (
            "nnUNetBaseDataset",
            "nnUNetDatasetBlosc2",
        ),
        "nnunetv2.utilities.label_handling.label_handling": ("LabelManager",),
        "nnunetv2.utilities.plans_handling.plans_handler": ("PlansManager",),
    },
)

OUTSIDE_IMAGE = 0
OUTSIDE_SEGMENTATION = -1
Sample = dict[str, Any]


def ignore_case(case: str) -> None:
    """Do nothing; the default of `announce_case`."""


class nnUNetDataLoader(DataLoader):
    """Endless random batches of augmented patches.

    A batch is a dict: `data` float32 (B, C, *patch); `target` int16 (B, 1, *patch), or as the transforms return it, a
    list of tensors with deep supervision; `keys` the cases, (B,). About the last round(B * p) samples of each batch
    contain foreground, with p = `oversample_foreground_percent`; see `get_do_oversample`.

    Raises CaseFailedError, with its name, for a case that cannot be loaded or augmented.

    Parameters:
        data: dataset with `identifiers` and `load_case`.
        patch_size: size to cut, (y, x) for slices of axis 0 or (x, y, z).
        final_patch_size: size after the transforms.
        pad_sides: extra voxels per axis by which a patch may extend beyond the image.
        probabilistic_oversampling: force foreground in each sample with probability p, instead of in the last ones.
    """

    batch_streams: BatchStreams | None = None
    """The random streams of the next batch, if the training has a seed."""

    def __init__(
        self,
        data: "nnUNetBaseDataset",
        batch_size: int,
        patch_size: Sequence[int] | np.ndarray,
        final_patch_size: Sequence[int] | np.ndarray,
        label_manager: "LabelManager",
        oversample_foreground_percent: float = 0.0,
        sampling_probabilities: Sequence[float] | np.ndarray | None = None,
        pad_sides: Sequence[int] | None = None,
        probabilistic_oversampling: bool = False,
        transforms: BasicTransform | None = None,
    ):
        super().__init__(
            data,
            batch_size,
            return_incomplete=True,
            shuffle=False,
            infinite=True,
            sampling_probabilities=sampling_probabilities,
        )
        self.indices = data.identifiers
        self.patch_size_was_2d = len(patch_size) == 2
        self.patch_size = _in_3d(patch_size)
        self.final_patch_size = _in_3d(final_patch_size)
        self.pad_sides = pad_sides
        self.need_to_pad = np.array(self.patch_size) - np.array(self.final_patch_size)
        if pad_sides is not None:
            self.need_to_pad += np.array(_in_3d(pad_sides, filling=0))
        self.oversample_foreground_percent = oversample_foreground_percent
        self.has_ignore = label_manager.has_ignore_label
        self.annotated_classes_key: tuple[int, ...] = (-1, *label_manager.all_labels)
        self.get_do_oversample: Callable[[int], bool] = (
            self._probabilistic_oversampling if probabilistic_oversampling else self._oversample_last_XX_percent
        )
        self.transforms = transforms
        self.announce_case: Callable[[str], None] = ignore_case

    @cached_property
    def data_shape(self) -> tuple[int, ...]:
        """Shape of a batch of image patches before the transforms."""
        channels = self._data.load_case(self.indices[0])[0].shape[0]
        return (self.batch_size, channels, *self._patch_axes)

    @cached_property
    def seg_shape(self) -> tuple[int, ...]:
        """Shape of a batch of segmentation patches before the transforms."""
        previous = self._data.load_case(self.indices[0])[2]
        return (self.batch_size, 1 if previous is None else 2, *self._patch_axes)

    @property
    def _patch_axes(self) -> tuple[int, ...]:
        return self.patch_size[1:] if self.patch_size_was_2d else self.patch_size

    def _oversample_last_XX_percent(self, sample_idx: int) -> bool:
        """Tell whether a sample must contain foreground: the last ones of each batch do."""
        return sample_idx >= round(self.batch_size * (1 - self.oversample_foreground_percent))

    def _probabilistic_oversampling(self, sample_idx: int) -> bool:
        """Tell whether a sample must contain foreground: each does with the same probability."""
        return np.random.uniform() < self.oversample_foreground_percent

    def get_bbox(
        self,
        data_shape: Sequence[int] | np.ndarray,
        force_fg: bool,
        class_locations: ClassLocations | None,
        overwrite_class: Label | None = None,
        verbose: bool = False,
    ) -> tuple[list[int], list[int]]:
        """Return the lower and upper corner of a patch, which may extend beyond the image.

        Parameters:
            data_shape: spatial size of the image, 3 axes.
            force_fg: centre the patch on a voxel of a random class that has one.
            class_locations: class -> voxels (0, x, y, z).
            overwrite_class: use this class if it has a voxel.
            verbose: warn if foreground is forced but the image has none.
        """
        label: Label | None = None
        bounds = lower_bounds([int(size) for size in data_shape], self.patch_size, self.need_to_pad)
        if force_fg:
            annotated = self.annotated_classes_key if self.has_ignore else None
            label = choose_class(class_locations, annotated, overwrite_class)
            if label is None and verbose:
                warnings.warn("a case has no foreground; its patch is cut at random", stacklevel=2)
        elif self.has_ignore:
            label = annotated_class(class_locations or {}, self.annotated_classes_key)
        if label is None:
            lower = random_corner(bounds)
        else:
            lower = corner_around_class(label, class_locations or {}, bounds, self.patch_size)
        return lower, [corner + size for corner, size in zip(lower, self.patch_size, strict=True)]

    def get_indices(self) -> np.ndarray:
        """Return the cases of the next batch, (B,)."""
        if self.batch_streams is None:
            return super().get_indices()
        return self.batch_streams.own_cases(
            lambda count: np.random.choice(self.indices, count, p=self.sampling_probabilities), self.batch_size
        )

    def generate_train_batch(self) -> dict[str, Any]:
        """Draw cases, cut a patch from each, augment and stack the patches."""
        cases = self.get_indices()
        memory = BatchMemory(len(cases))
        with torch.no_grad(), threadpool_limits(limits=1, user_api=None):
            samples = [self._sample(str(case), number, memory) for number, case in enumerate(cases)]
        return {**stack_samples(samples, memory), "keys": cases}

    def _sample(self, case: str, number: int, memory: BatchMemory) -> Sample:
        self.announce_case(case)
        try:
            with nullcontext() if self.batch_streams is None else self.batch_streams.sample(number):
                sample = self._cut_patch(case, self.get_do_oversample(number), partial(memory.place, number))
                return sample if self.transforms is None else self._unused_transforms()(**sample)
        except Exception as error:
            raise describe_failure(case, error) from error

    def _unused_transforms(self) -> BasicTransform:
        """Return the transforms; with a seed a copy of them, as some change themselves with every sample.

        The copy does not measure which way of blurring is faster.
        """
        if self.batch_streams is None:
            return self.transforms
        copied = deepcopy(self.transforms)
        choose_nothing_by_time(copied)
        return copied

    def _cut_patch(self, case: str, force_fg: bool, place: Callable[[np.ndarray], torch.Tensor]) -> Sample:
        data, seg, seg_prev, properties = self._data.load_case(case)
        with needed_entries(f"{case}.pkl", "choosing patches"):
            locations = _locations_of(properties)
        lower, upper = self.get_bbox(data.shape[1:], force_fg, locations)
        box = [list(corners) for corners in zip(lower, upper, strict=True)]
        drawn, size = draw_early(self.transforms, data.shape[0], self.patch_size)
        small = drawn if drawn is not None and not drawn.needs_wide_patch else None
        if size != self.patch_size:
            box = central_box(lower, self.patch_size, size)
        image = crop_and_pad_nd(data, box, OUTSIDE_IMAGE)
        segmentation = crop_and_pad_nd(seg, box, OUTSIDE_SEGMENTATION)
        if seg_prev is not None:
            previous = crop_and_pad_nd(seg_prev, box, OUTSIDE_SEGMENTATION)
            segmentation = np.concatenate([segmentation, previous[None]])
        if self.patch_size_was_2d:
            image, segmentation = image[:, 0], segmentation[:, 0]
        if small is not None:
            drawn, image, segmentation = small.mirror_patch(image, segmentation)
        sample: Sample = {
            "image": place(image) if small is not None else _as_tensor(image, np.float32, of=data),
            "segmentation": _as_tensor(segmentation, np.int16, of=seg),
        }
        if uses_intensities(self.transforms):
            sample["intensities"] = CaseIntensities.from_properties(properties)
        if self.batch_streams is not None and takes_other_colours(self.transforms):
            other = self._data.load_case(str(np.random.choice(self.indices)))
            sample[OTHER_COLOURS] = colours_of(other[0], other[3], self.patch_size)
        return sample if drawn is None else {**sample, DRAWN: drawn}


def _locations_of(properties: dict[str, Any]) -> Any:
    locations = properties["class_locations"]
    if not isinstance(locations, Mapping | NoneType):
        raise CheckpointError(
            f"'class_locations' in its .pkl is {describe_content(locations)}, expected voxels by class"
        )
    return locations


def central_box(lower: Sequence[int], wide: Sequence[int], size: Sequence[int]) -> list[list[int]]:
    """Return the corners of the part that nnU-Net's transforms cut out of the middle of a wide patch."""
    starts = [corner + outer // 2 - inner // 2 for corner, outer, inner in zip(lower, wide, size, strict=True)]
    return [[start, start + inner] for start, inner in zip(starts, size, strict=True)]


def stack_samples(samples: Sequence[Sample], memory: BatchMemory | None = None) -> dict[str, Any]:
    """Return `data` and `target` of a batch; targets that are lists over scales become a list of batches.

    Parameters:
        memory: where images of the batch already are.
    """
    targets = [sample["segmentation"] for sample in samples]
    if isinstance(targets[0], list):
        target: Any = [stack(scale) for scale in zip(*targets, strict=True)]
    else:
        target = stack(targets)
    images = (memory or BatchMemory(len(samples))).stacked([sample["image"] for sample in samples])
    return {"data": images, "target": target, **deferred_of(samples)}


def _as_tensor(patch: np.ndarray, dtype: type[np.generic], of: Any) -> torch.Tensor:
    """Return a patch as a tensor of its own, which may change; what was read from a file is one already."""
    if isinstance(of, np.ndarray):
        return torch.from_numpy(np.array(patch, dtype=dtype, order="C"))
    return torch.from_numpy(np.ascontiguousarray(patch, dtype=dtype))


def _in_3d(sizes: Sequence[int] | np.ndarray, filling: int = 1) -> tuple[int, ...]:
    sizes = tuple(int(size) for size in sizes)
    return (filling, *sizes) if len(sizes) == 2 else sizes
