"""Training with further augmentation of intensities: candidates of the ablation (docs/ablation.md)."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform
from torch import nn

from nnunetv2.boundary.edge_branch import plain_network
from nnunetv2.pathology.stain.augmentation import StainJitter, StainStrength, StainTransfer
from nnunetv2.training.data_augmentation.channel_gain import ChannelGain
from nnunetv2.training.data_augmentation.default_pipeline import training_pipeline
from nnunetv2.training.data_augmentation.window_statistics import GreyImage, WindowStatistics
from nnunetv2.training.nnUNetTrainer.variants.domains.data_balance import nnUNetTrainerNoDomains
from nnunetv2.training.nnUNetTrainer.variants.domains.joint_balancing import nnUNetTrainerJointBalancing
from nnunetv2.training.nnUNetTrainer.variants.weight_averaging.nnUNetTrainerEMA import nnUNetTrainerNoDomainsEMA
from nnunetv2.training.nnUNetTrainer.variants.weight_averaging.nnUNetTrainerUniformAverage import (
    nnUNetTrainerNoDomainsUniformAverage,
)


class AddsFirstSteps:
    """Puts further steps before the default augmentation; `first_steps` makes them."""

    first_steps: ClassVar[tuple[Callable[[], BasicTransform], ...]] = ()

    @classmethod
    def get_training_transforms(cls, *args: Any, **options: Any) -> BasicTransform:
        """Return the augmentation as a ComposeTransforms; the arguments are those of nnUNetTrainer's."""
        pipeline = training_pipeline(*args, **options)
        pipeline.transforms[:0] = [make() for make in cls.first_steps]
        return pipeline


class nnUNetTrainerStainJitter(AddsFirstSteps, nnUNetTrainerNoDomains):
    """Changes the amounts of haematoxylin, eosin and residual by up to a fifth."""

    first_steps = (StainJitter,)


class nnUNetTrainerStrongStainJitter(AddsFirstSteps, nnUNetTrainerNoDomains):
    """Changes the amounts of the stains by up to a half."""

    first_steps = (lambda: StainJitter(strength=0.5, offset=0.05),)


class nnUNetTrainerStainTransfer(AddsFirstSteps, nnUNetTrainerNoDomains):
    """Moves the stain of a case towards that of another."""

    first_steps = (StainTransfer,)


class nnUNetTrainerStainTransferJitter(AddsFirstSteps, nnUNetTrainerNoDomains):
    """Moves the stain of a case towards that of another and changes the amounts by up to a half."""

    first_steps = (StainTransfer, lambda: StainJitter(strength=0.5, offset=0.05))


class nnUNetTrainerVariedStain(AddsFirstSteps, nnUNetTrainerNoDomains):
    """Varies the stain as nnUNetTrainerStainTransferJitter, and the strength of all stains together by up to two."""

    first_steps = (*nnUNetTrainerStainTransferJitter.first_steps, StainStrength)


class nnUNetTrainerVariedStainAverage(AddsFirstSteps, nnUNetTrainerNoDomainsUniformAverage):
    """Varies the stain as nnUNetTrainerVariedStain, and averages the weights of the second half."""

    first_steps = nnUNetTrainerVariedStain.first_steps


class nnUNetTrainerStainTransferJitterAverage(AddsFirstSteps, nnUNetTrainerNoDomainsUniformAverage):
    """Varies the stain as nnUNetTrainerStainTransferJitter, and averages the weights of the second half."""

    first_steps = nnUNetTrainerStainTransferJitter.first_steps


class nnUNetTrainerJointStainTransferJitter(AddsFirstSteps, nnUNetTrainerJointBalancing):
    """Joint balancing as published, with the stain varied as in nnUNetTrainerStainTransferJitter."""

    first_steps = nnUNetTrainerStainTransferJitter.first_steps


class nnUNetTrainerChannelGain(AddsFirstSteps, nnUNetTrainerNoDomains):
    """Stretches and shifts the channels of every second patch."""

    first_steps = (ChannelGain,)


class nnUNetTrainerWindowStatistics(AddsFirstSteps, nnUNetTrainerNoDomains):
    """Normalises patches anew with the statistics of a window of them."""

    first_steps = (WindowStatistics,)


class nnUNetTrainerRandomGrey(AddsFirstSteps, nnUNetTrainerNoDomains):
    """Shows every fifth patch without colour."""

    first_steps = (GreyImage,)


class nnUNetTrainerGreyInput(nnUNetTrainerNoDomains):
    """Learns from the mean of the channels alone.

    The first layer starts with the same weights for all channels and sees the same values in all of them, so its
    weights stay the same, and the trained network answers to the mean of any image: a plain network without colour.
    """

    @classmethod
    def get_training_transforms(cls, *args: Any, **options: Any) -> BasicTransform:
        """Return the default augmentation with patches made grey at its end."""
        pipeline = training_pipeline(*args, **options)
        pipeline.transforms.append(GreyImage(probability=1.0))
        return pipeline

    def initialize(self) -> None:
        """Give the first layer the same weights for every channel."""
        super().initialize()
        layers = plain_network(self.network).modules()
        first = next(layer for layer in layers if isinstance(layer, nn.Conv2d | nn.Conv3d))
        with torch.no_grad():
            first.weight.copy_(first.weight.mean(dim=1, keepdim=True).expand_as(first.weight))


class nnUNetTrainerRobustIntensities(AddsFirstSteps, nnUNetTrainerNoDomainsEMA):
    """Strong stain jitter, window statistics and grey patches, with averaged weights."""

    first_steps = (lambda: StainJitter(strength=0.5, offset=0.05), WindowStatistics, GreyImage)
