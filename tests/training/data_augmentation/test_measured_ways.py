from batchgeneratorsv2.transforms.noise.gaussian_blur import GaussianBlurTransform
from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms
from batchgeneratorsv2.transforms.utils.random import OneOfTransform, RandomTransform

from nnunetv2.training.data_augmentation.measured_ways import choose_nothing_by_time


def test_blurring_is_found_wherever_it_is_inside_other_transforms() -> None:
    blurs = [GaussianBlurTransform(benchmark=True) for _ in range(4)]
    choose_nothing_by_time(blurs[0])
    choose_nothing_by_time(RandomTransform(blurs[1]))
    choose_nothing_by_time(RandomTransform(ComposeTransforms([OneOfTransform([blurs[2]]), blurs[3]])))
    assert [blur.benchmark for blur in blurs] == [False] * 4
