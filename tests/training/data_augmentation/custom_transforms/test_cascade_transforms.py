"""What nnU-Net's transforms cannot do; tests/differential/test_custom_transforms.py compares the rest."""

import numpy as np

from nnunetv2.training.data_augmentation.custom_transforms.cascade_transforms import (
    ApplyRandomBinaryOperatorTransform,
    binary_dilation,
)


def test_masks_of_images_are_changed_with_a_disk() -> None:
    image = np.zeros((1, 1, 11, 11))
    image[0, 0, 5, 5] = 1
    transform = ApplyRandomBinaryOperatorTransform(0, 1.0, (binary_dilation,), strel_size=(2, 2))
    assert transform(data=image)["data"].sum() == 13
