"""Augmentation in a loader that is drawn before the patch is cut, so that no more is read than it needs."""

from collections.abc import Sequence
from typing import Any

from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform
from torch import Tensor

from nnunetv2.training.data_augmentation.batched.batch_augmentation import BatchAugmentation, Drawn, WidePatches

DRAWN = "drawn"


class DrawsEarly(BasicTransform):
    """A loader's transform whose `draw` runs before the patch is cut.

    The loader may cut a patch of `size_to_cut` instead of the large one. It passes what was drawn as `drawn`; without
    it, the transform draws on its own.
    """

    def __init__(self, augmentation: BatchAugmentation):
        super().__init__()
        self.augmentation = augmentation

    def draw(self, channels: int) -> Drawn:
        """Draw the changes of a sample with so many image channels."""
        return self.augmentation.draw(channels)

    def size_to_cut(self, drawn: Drawn, wide: Sequence[int]) -> Sequence[int]:
        """Return the size of the central part of a patch of size `wide` that is needed, see BatchAugmentation."""
        return wide if drawn.needs_wide_patch else self.augmentation.size_to_cut(drawn, wide)

    def _split(self, data_dict: dict[str, Any]) -> tuple[Tensor, Tensor, WidePatches | None, Drawn]:
        """Return image and labels of the final size, the large ones if they are needed, and the changes."""
        image, labels = data_dict["image"], data_dict["segmentation"]
        drawn = data_dict.pop(DRAWN, None) or self.draw(len(image))
        size = self.augmentation.patch_size
        if not drawn.needs_wide_patch:
            return central_part(image, size)[None], central_part(labels, size)[None], None, drawn
        final = (values.new_empty((1, len(values), *size)) for values in (image, labels))
        return *final, WidePatches([0], image[None], labels[None]), drawn


class AugmentsSample(DrawsEarly):
    """Augments one sample in the loader."""

    def size_to_cut(self, drawn: Drawn, wide: Sequence[int]) -> Sequence[int]:
        """Return the same, also for samples that are rotated or scaled: they are not stacked before."""
        return self.augmentation.size_to_cut(drawn, wide)

    def apply(self, data_dict: dict[str, Any], **params: Any) -> dict[str, Any]:
        """Replace `image` and `segmentation`."""
        image, target = self.augmentation.apply(*self._split(data_dict))
        data_dict["image"] = image[0]
        data_dict["segmentation"] = [scale[0] for scale in target] if isinstance(target, list) else target[0]
        return data_dict


def central_part(values: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return the centre of values (C, *spatial), of nnU-Net's position: from length // 2 - size // 2 on."""
    for axis, length in enumerate(size, start=1):
        if values.shape[axis] != length:
            values = values.narrow(axis, values.shape[axis] // 2 - length // 2, length)
    return values.contiguous()


def draw_early(transforms: Any, channels: int, wide: Sequence[int]) -> tuple[Drawn | None, Sequence[int]]:
    """Return what the first of the transforms draws before the patch is cut, None for all others, and the size to cut.

    Parameters:
        wide: size of the patch to cut if it is not known what will happen to it.
    """
    first = next(iter(getattr(transforms, "transforms", None) or [transforms]), None)
    if not isinstance(first, DrawsEarly):
        return None, wide
    drawn = first.draw(channels)
    return drawn, first.size_to_cut(drawn, wide)
