import numpy as np
import pytest

from nnunetv2.training.data_augmentation.compute_initial_patch_size import get_patch_size

HALF_TURN = (-np.pi, np.pi)
THIRTY_DEGREES = (-np.pi / 6, np.pi / 6)


@pytest.mark.parametrize(
    ("patch", "rotation", "expected"),
    [
        ([256, 256], HALF_TURN, [301, 301]),
        ([512, 512], HALF_TURN, [602, 602]),
        ([320, 256], HALF_TURN, [376, 376]),
        ([512, 256], np.pi / 12, [659, 301]),
        ([128, 128, 128], THIRTY_DEGREES, [205, 205, 205]),
        ([64, 128, 128], THIRTY_DEGREES, [140, 205, 168]),
        ([96, 160, 160], THIRTY_DEGREES, [191, 257, 219]),
        ([16, 48, 48], THIRTY_DEGREES, [44, 77, 58]),
    ],
)
def test_the_sizes_are_those_of_nnunet(patch, rotation, expected) -> None:
    sizes = get_patch_size(patch, rotation, rotation, rotation, (0.85, 1.25))
    assert sizes.tolist() == expected
    assert sizes.dtype.kind == "i"


def test_without_rotation_only_the_scale_counts() -> None:
    assert get_patch_size([85, 170], 0, 0, 0, (0.85, 1.25)).tolist() == [100, 200]
