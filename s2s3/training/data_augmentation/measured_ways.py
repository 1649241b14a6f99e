"""Transforms that measure which of two ways of computing is faster, and keep to it."""

from typing import Any

from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform
from batchgeneratorsv2.transforms.noise.gaussian_blur import GaussianBlurTransform


def choose_nothing_by_time(transform: Any) -> None:
    """Let a transform, and those inside it, choose by the size of their work; right ways still round differently.

    Transforms inside others are found in their attributes, singly or in lists.
    """
    if isinstance(transform, GaussianBlurTransform):
        transform.benchmark = False
    for inner in vars(transform).values():
        for one in inner if isinstance(inner, list | tuple) else [inner]:
            if isinstance(one, BasicTransform):
                choose_nothing_by_time(one)
