"""nnU-Net's default augmentation of a whole batch, on the batch's device, with parameters per sample."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from nnunetv2.errors import CallError
from nnunetv2.training.data_augmentation.batched import intensity, previous_stage, resolution, targets, warp
from nnunetv2.training.data_augmentation.batched.changes import Changes, draw_changes, join
from nnunetv2.training.data_augmentation.batched.planes import change_planes
from nnunetv2.training.data_augmentation.batched.previous_stage import Disturbances, disturb, draw_disturbances


@dataclass(frozen=True)
class Drawn:
    """What was drawn for the samples of a batch."""

    changes: Changes
    disturbances: tuple[Disturbances, ...]

    @property
    def needs_wide_patch(self) -> bool:
        """Whether a sample is rotated or scaled."""
        return bool(self.changes.moves.any())

    def mirror_patch(self, image: np.ndarray, labels: np.ndarray) -> tuple["Drawn", np.ndarray, np.ndarray]:
        """Mirror a sample's patch, image and labels (C, *spatial), as views; return what is then still to be done.

        Axes of length 1 stay as they are: mirrored they would step backwards, which torch refuses.
        """
        chosen = np.flatnonzero(self.changes.mirror[0])
        axes = tuple(int(axis) + 1 for axis in chosen if image.shape[axis + 1] > 1)
        changes = replace(self.changes, mirror=np.zeros_like(self.changes.mirror))
        return replace(self, changes=changes), np.flip(image, axes), np.flip(labels, axes)

    @staticmethod
    def together(parts: Sequence["Drawn"]) -> "Drawn":
        """Return what was drawn for several batches as that of one."""
        changes = join([part.changes for part in parts])
        return Drawn(changes, tuple(one for part in parts for one in part.disturbances))


@dataclass(frozen=True)
class WidePatches:
    """Patches of the samples that are rotated or scaled, larger than the final patch.

    Parameters:
        samples: their positions in the batch, (N,).
        images, labels: (N, C, *wide) and (N, 1 or 2, *wide).
    """

    samples: list[int]
    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class BatchAugmentation:
    """Draws and applies the augmentation; the parameters are those of nnUNetTrainer.get_training_transforms.

    Parameters:
        in_plane: volumes are rotated, scaled and lose resolution in their last two axes only ("dummy 2D").
        masked: image channels that are 0 outside of the segmentation.
        previous_labels: foreground labels of a previous stage; empty without a cascade.
        regions: bool channels of the target, the ignore label last; empty for labels.
        scales: of the targets of deep supervision; None: the target is one tensor.
    """

    patch_size: tuple[int, ...]
    rotation: tuple[float, float]
    mirror_axes: tuple[int, ...] = ()
    in_plane: bool = False
    masked: tuple[int, ...] = ()
    previous_labels: tuple[int, ...] = ()
    regions: tuple[int | tuple[int, ...], ...] = ()
    scales: Sequence[Sequence[float] | float] | None = field(default=None)

    def draw(self, channels: int) -> Drawn:
        """Draw the changes of one sample with so many image channels from numpy's global stream."""
        axes = len(self.patch_size)
        changes = draw_changes(channels, axes, self.rotation, self.mirror_axes, self.in_plane)
        return Drawn(changes, (draw_disturbances(len(self.previous_labels)),))

    def size_to_cut(self, drawn: Drawn, wide: Sequence[int]) -> tuple[int, ...]:
        """Return the size of the central part of a wide patch that a sample is made of.

        Parameters:
            wide: sizes of the patch, which may have more axes in front than the augmentation; they stay.
        """
        axes = len(self.patch_size)
        if not drawn.needs_wide_patch:
            return (*wide[:-axes], *self.patch_size)
        kept, changes = len(wide) - axes + int(self.in_plane), drawn.changes
        matrix = warp.matrices(changes.angles, changes.scaling, changes.mirror[:, int(self.in_plane) :])
        return (*wide[:kept], *warp.reached_size(matrix, self.patch_size[int(self.in_plane) :], wide[kept:]))

    def apply(
        self, images: Tensor, labels: Tensor, wide: WidePatches | None, drawn: Drawn
    ) -> tuple[Tensor, Tensor | list[Tensor]]:
        """Return images (B, C, *patch) and targets; the inputs are changed in place.

        Mirroring comes first, for the others commute with it: noise is as likely either way, blur is symmetric, and
        so is lower resolution but for pixels half-way between two that are kept.

        Parameters:
            images, labels: (B, C, *patch) float32 and (B, 1 or 2, *patch) int16, contiguous; those of samples in `wide`
                are replaced.
        """
        changes = drawn.changes
        mirror = changes.mirror & ~changes.moves[:, None]
        images, labels = mirrored(images, mirror), mirrored(labels, mirror)
        if wide is not None:
            images, labels = self._with_warped(images, labels, wide, changes)
        self.change_intensities(images, changes)
        return self._targets(images, labels, drawn.disturbances)

    def _with_warped(
        self, images: Tensor, labels: Tensor, wide: WidePatches, changes: Changes
    ) -> tuple[Tensor, Tensor]:
        warped_images, warped_labels = self._warped(wide, changes)
        if len(wide.samples) == len(images):
            return warped_images, warped_labels
        images[wide.samples], labels[wide.samples] = warped_images, warped_labels
        return images, labels

    def _warped(self, wide: WidePatches, changes: Changes) -> tuple[Tensor, Tensor]:
        """Return images (N, C, *patch) and labels (N, 1 or 2, *patch) of the wide patches."""
        images, labels, own = wide.images, wide.labels, wide.samples
        mirror = changes.mirror[own]
        if self.in_plane:  # slices are like channels
            images, labels, mirror = images.flatten(1, 2), labels.flatten(1, 2), mirror[:, 1:]
        matrix = warp.matrices(changes.angles[own], changes.scaling[own], mirror)
        places = warp.warp_places(matrix, images.shape[2:], self.patch_size[int(self.in_plane) :], images.device)
        warped = (places.images(images), places.labels(labels))
        new_images, new_labels = (values.view(len(own), -1, *self.patch_size) for values in warped)
        if self.in_plane:  # the matrix cannot mirror the slices' own axis
            across = changes.mirror[own] & [True, False, False]
            new_images, new_labels = mirrored(new_images, across), mirrored(new_labels, across)
        return new_images, new_labels

    def change_intensities(self, images: Tensor, changes: Changes) -> None:
        """Change images (B, C, *spatial) in place, in nnU-Net's order."""
        intensity.add_noise(images, changes.noise, changes.seed)
        lower = partial(resolution.lower_resolution, first_axis=int(self.in_plane))
        for values, unchanged, change in (
            (changes.blur, 0, resolution.blur),
            (changes.brightness, 1, intensity.change_brightness),
            (changes.contrast, 1, intensity.change_contrast),
            (changes.resolution, 1, lower),
            (changes.inverted_gamma, 1, intensity.correct_inverted_gamma),
            (changes.gamma, 1, intensity.correct_gamma),
        ):
            change_planes(images, values, unchanged, change)

    def _targets(
        self, images: Tensor, labels: Tensor, disturbances: Sequence[Disturbances]
    ) -> tuple[Tensor, Tensor | list[Tensor]]:
        if self.masked:
            targets.mask_images(images, labels, self.masked)
        labels.clamp_(min=0)
        if self.previous_labels:
            previous = previous_stage.one_hot(labels[:, 1], self.previous_labels, images.dtype)
            disturb(previous, disturbances)
            images, labels = torch.cat([images, previous], 1), labels[:, :1]
        target = targets.regions_of(labels, self.regions) if self.regions else labels
        return images, target.contiguous() if self.scales is None else targets.at_scales(target, self.scales)


def mirrored(values: Tensor, mirror: np.ndarray) -> Tensor:
    """Return values (B, C, *spatial) with the samples mirrored along the axes where `mirror` (B, n) is true."""
    if len(values) == 1:
        axes = [int(axis) + 2 for axis in np.flatnonzero(mirror[0])]
        return values.flip(axes) if axes else values
    for axis, chosen in enumerate(mirror.T):
        samples = np.flatnonzero(chosen)
        if len(samples):
            values[samples] = values[samples].flip(axis + 2)
    return values


def default_augmentation(
    patch_size: Sequence[int],
    rotation_for_DA: Sequence[float],
    deep_supervision_scales: Sequence[Sequence[float] | float] | None,
    mirror_axes: Sequence[int] | None,
    do_dummy_2d_data_aug: bool,
    use_mask_for_norm: Sequence[bool] | None = None,
    is_cascaded: bool = False,
    foreground_labels: Sequence[int] | None = None,
    regions: Sequence[int | Sequence[int]] | None = None,
    ignore_label: int | None = None,
) -> BatchAugmentation:
    """Return the augmentation for the arguments of nnUNetTrainer.get_training_transforms."""
    if is_cascaded and foreground_labels is None:
        raise CallError("a cascade needs foreground_labels (one image channel each), got None")
    channels = [] if regions is None else [region if isinstance(region, int) else tuple(region) for region in regions]
    low, high = rotation_for_DA
    return BatchAugmentation(
        patch_size=tuple(int(size) for size in patch_size),
        rotation=(float(low), float(high)),
        mirror_axes=tuple(mirror_axes or ()),
        in_plane=do_dummy_2d_data_aug,
        masked=tuple(np.flatnonzero(use_mask_for_norm or ()).tolist()),
        previous_labels=tuple(foreground_labels or ()) if is_cascaded else (),
        regions=(*channels, ignore_label) if channels and ignore_label is not None else tuple(channels),
        scales=deep_supervision_scales,
    )
