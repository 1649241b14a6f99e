"""Augmentation of whole batches on the training device, of patches that a loader only reads and cuts.

The loader draws what happens to each sample. A batch then has its patches as they are under `data` and `target`, what
is to be done to them under `deferred`, and the large patches of samples that are rotated or scaled under `wide_data`
and `wide_target`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms
from torch import Tensor

from nnunetv2.errors import CallError
from nnunetv2.training.data_augmentation.batched.batch_augmentation import (
    BatchAugmentation,
    Drawn,
    WidePatches,
    default_augmentation,
)
from nnunetv2.training.data_augmentation.early_draws import DRAWN, DrawsEarly, central_part
from nnunetv2.training.dataloading.batch_memory import stack

DEFERRED = "deferred"
WIDE_DATA, WIDE_TARGET = "wide_data", "wide_target"


@dataclass(frozen=True)
class Deferred:
    """What is to be done to the samples of a batch.

    Parameters:
        moved: positions of the samples that are made from their large patches.
    """

    augmentation: BatchAugmentation
    drawn: Drawn
    moved: tuple[int, ...] = ()


class DefersAugmentation(DrawsEarly):
    """Leaves a sample as it is, at its final size, and adds what is to be done to it."""

    def apply(self, data_dict: dict[str, Any], **params: Any) -> dict[str, Any]:
        """Add `deferred` and, for a sample that is rotated or scaled, `wide_data` and `wide_target`."""
        image, labels = data_dict["image"], data_dict["segmentation"]
        drawn = data_dict.pop(DRAWN, None) or self.draw(len(image))
        if drawn.needs_wide_patch:
            data_dict[WIDE_DATA], data_dict[WIDE_TARGET] = image, labels
        size = self.augmentation.patch_size
        data_dict["image"], data_dict["segmentation"] = central_part(image, size), central_part(labels, size)
        data_dict[DEFERRED] = Deferred(self.augmentation, drawn)
        return data_dict


def deferring_pipeline(*args: Any, **options: Any) -> ComposeTransforms:
    """Build the loader's pipeline; the arguments are those of nnUNetTrainer.get_training_transforms."""
    return ComposeTransforms([DefersAugmentation(default_augmentation(*args, **options))])


def deferred_of(samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the entries of a batch that say what is to be done to its samples; none if nothing is deferred."""
    if DEFERRED not in samples[0]:
        return {}
    parts: list[Deferred] = [sample[DEFERRED] for sample in samples]
    moved = tuple(number for number, sample in enumerate(samples) if WIDE_DATA in sample)
    wide = {key: stack([samples[number][key] for number in moved]) for key in (WIDE_DATA, WIDE_TARGET) if moved}
    drawn = Drawn.together([part.drawn for part in parts])
    return {DEFERRED: Deferred(parts[0].augmentation, drawn, moved), **wide}


class AugmentedBatches:
    """The batches of a loader, augmented on a device when they are taken; all else is the loader's.

    Parameters:
        batches: iterator over batches with deferred augmentation.
    """

    def __init__(self, batches: Any, device: torch.device):
        self._batches = batches
        self._device = device

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self

    def __next__(self) -> dict[str, Any]:
        return augmented_batch(next(self._batches), self._device)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batches, name)


def augmented_batch(batch: Mapping[str, Any], device: torch.device) -> dict[str, Any]:
    """Return a batch on the device with everything done that was deferred; other entries as they are.

    Raises CallError for a batch of a loader that drops what is deferred.
    """
    deferred: Deferred | None = batch.get(DEFERRED)
    if deferred is None:
        raise CallError(
            f"a batch has the entries {', '.join(batch)}, expected '{DEFERRED}' too: the loader must keep what its "
            "transforms defer, as nnUNetDataLoader does; use nnUNetTrainerFastDA with other loaders"
        )

    def moved(key: str) -> Tensor:
        return batch[key].to(device, non_blocking=True)

    wide = WidePatches(list(deferred.moved), moved(WIDE_DATA), moved(WIDE_TARGET)) if deferred.moved else None
    with torch.no_grad():
        data, target = deferred.augmentation.apply(moved("data"), moved("target"), wide, deferred.drawn)
    done = (DEFERRED, WIDE_DATA, WIDE_TARGET)
    return {**{key: value for key, value in batch.items() if key not in done}, "data": data, "target": target}
