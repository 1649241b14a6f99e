"""The transforms of batchgeneratorsv2 that the pipelines use, under the names of nnU-Net's trainer module."""

from batchgeneratorsv2.transforms.intensity.brightness import MultiplicativeBrightnessTransform
from batchgeneratorsv2.transforms.intensity.contrast import BGContrast, ContrastTransform
from batchgeneratorsv2.transforms.intensity.gamma import GammaTransform
from batchgeneratorsv2.transforms.intensity.gaussian_noise import GaussianNoiseTransform
from batchgeneratorsv2.transforms.nnunet.random_binary_operator import ApplyRandomBinaryOperatorTransform
from batchgeneratorsv2.transforms.nnunet.remove_connected_components import (
    RemoveRandomConnectedComponentFromOneHotEncodingTransform,
)
from batchgeneratorsv2.transforms.nnunet.seg_to_onehot import MoveSegAsOneHotToDataTransform
from batchgeneratorsv2.transforms.noise.gaussian_blur import GaussianBlurTransform
from batchgeneratorsv2.transforms.spatial.low_resolution import SimulateLowResolutionTransform
from batchgeneratorsv2.transforms.spatial.mirroring import MirrorTransform
from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform
from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms
from batchgeneratorsv2.transforms.utils.deep_supervision_downsampling import DownsampleSegForDSTransform
from batchgeneratorsv2.transforms.utils.nnunet_masking import MaskImageTransform
from batchgeneratorsv2.transforms.utils.pseudo2d import Convert2DTo3DTransform, Convert3DTo2DTransform
from batchgeneratorsv2.transforms.utils.random import RandomTransform
from batchgeneratorsv2.transforms.utils.remove_label import RemoveLabelTransform as RemoveLabelTansform
from batchgeneratorsv2.transforms.utils.seg_to_regions import ConvertSegmentationToRegionsTransform

__all__ = [
    "ApplyRandomBinaryOperatorTransform",
    "BGContrast",
    "ComposeTransforms",
    "ContrastTransform",
    "Convert2DTo3DTransform",
    "Convert3DTo2DTransform",
    "ConvertSegmentationToRegionsTransform",
    "DownsampleSegForDSTransform",
    "GammaTransform",
    "GaussianBlurTransform",
    "GaussianNoiseTransform",
    "MaskImageTransform",
    "MirrorTransform",
    "MoveSegAsOneHotToDataTransform",
    "MultiplicativeBrightnessTransform",
    "RandomTransform",
    "RemoveLabelTansform",
    "RemoveRandomConnectedComponentFromOneHotEncodingTransform",
    "SimulateLowResolutionTransform",
    "SpatialTransform",
]
