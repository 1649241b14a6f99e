import pytest

from nnunetv2.errors import InvalidValueError
from nnunetv2.preprocessing.storage.block_shapes import comp_blosc2_params
from nnunetv2.preprocessing.storage.blosc2_dataset import nnUNetDatasetBlosc2

GOLDEN = [
    ((3, 1, 1024, 1024), (1024, 1024), 4, (1, 1, 256, 128), (1, 1, 1024, 1024)),
    ((3, 1, 1024, 1024), (1024, 1024), 2, (1, 1, 256, 256), (1, 1, 1024, 1024)),
    ((3, 1, 1024, 1024), (512, 512), 4, (1, 1, 256, 128), (1, 1, 768, 768)),
    ((1, 155, 240, 240), (128, 128, 128), 4, (1, 32, 32, 32), (1, 96, 128, 128)),
    ((1, 155, 240, 240), (128, 128, 128), 2, (1, 32, 64, 32), (1, 128, 192, 128)),
    ((1, 100, 512, 512), (28, 256, 256), 4, (1, 8, 64, 64), (1, 24, 256, 256)),
    ((1, 100, 512, 512), (28, 256, 256), 2, (1, 8, 128, 64), (1, 32, 384, 256)),
    ((1, 40, 300, 300), (320, 320), 4, (1, 1, 256, 128), (1, 1, 300, 300)),
    ((3, 1, 769, 1030), (896, 1152), 4, (1, 1, 128, 256), (1, 1, 769, 1030)),
    ((1, 64, 64, 64), (64, 64, 64), 1, (1, 64, 64, 32), (1, 64, 64, 64)),
    ((1, 37, 41, 43), (40, 40, 40), 4, (1, 32, 32, 32), (1, 37, 41, 43)),
]


@pytest.mark.parametrize(("image", "patch", "element", "block", "chunk"), GOLDEN)
def test_shapes_match_the_golden_values(image: tuple, patch: tuple, element: int, block: tuple, chunk: tuple) -> None:
    assert comp_blosc2_params(image, patch, element) == (block, chunk)


def test_the_dataset_class_offers_it_too() -> None:
    image, patch, element, *expected = GOLDEN[0]
    assert nnUNetDatasetBlosc2.comp_blosc2_params(image, patch, element) == tuple(expected)


def test_a_chunk_is_not_longer_than_the_patch_by_more_than_the_ratio() -> None:
    assert comp_blosc2_params((1, 400, 400, 400), (32, 32, 32), max_chunk_to_patch_ratio_per_axis=1)[1][1:] == (32,) * 3
    assert max(comp_blosc2_params((1, 400, 400, 400), (32, 32, 32), max_chunk_to_patch_ratio_per_axis=None)[1]) > 48


def test_singleton_patch_axes_grow_only_on_request() -> None:
    assert comp_blosc2_params((1, 40, 64, 64), (1, 64, 64))[1] == (1, 1, 64, 64)
    assert comp_blosc2_params((1, 40, 64, 64), (1, 64, 64), max_chunk_to_patch_ratio_per_axis=4)[1] == (1, 1, 64, 64)
    grown = comp_blosc2_params(
        (1, 40, 64, 64), (1, 64, 64), max_chunk_to_patch_ratio_per_axis=4, grow_singleton_patch_axes=True
    )
    assert grown[1] == (1, 4, 64, 64)


@pytest.mark.parametrize(
    "arguments",
    [
        ((1, 2, 3), (2, 3)),
        ((1, 2, 3, 0), (2, 3)),
        ((1, 2, 3, 4), (2,)),
        ((1, 2, 3, 4), (2, 0)),
        ((1, 2, 3, 4), (2, 3), 0),
        ((1, 2, 3, 4), (2, 3), 4, 3),
        ((1, 2, 3, 4), (2, 3), 4, 64, 3),
        ((1, 2, 3, 4), (2, 3), 4, 64, 64, 0.5),
    ],
)
def test_impossible_sizes_and_limits_are_refused(arguments: tuple) -> None:
    with pytest.raises(InvalidValueError):
        comp_blosc2_params(*arguments)
