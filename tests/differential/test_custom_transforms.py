"""Transforms for pipelines of batchgenerators: from equal seeds, the same batches as nnU-Net 2.8.1 makes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.differential.oracle import run_oracle, run_ours

SCRIPT = """
    import sys

    import numpy as np

    from nnunetv2.training.data_augmentation.custom_transforms import (
        cascade_transforms as cascade,
        deep_supervision_donwsampling as scales,
        masking,
        region_based_training as regions,
        transforms_for_dummy_2d as dummy_2d,
    )

    SPACE = (20, 24, 13)


    def one_hot(dims, dtype=np.float32):
        segmentation = np.zeros((2, *SPACE[:dims]), int)
        segmentation[:, 2:7, 3:9] = 1
        segmentation[:, 10:16, 12:20] = 2
        segmentation[:, 12:14, 2:5] = 3
        segmentation[:, 1:3, 15:20] = 2
        channels = [np.random.RandomState(0).normal(size=segmentation.shape)]
        return np.stack(channels + [segmentation == label for label in (1, 2, 3)], axis=1).astype(dtype)


    def batch(dims, channels=2):
        random = np.random.RandomState(1)
        return {
            "data": random.normal(size=(2, 3, *SPACE[:dims])).astype(np.float32),
            "seg": random.randint(-1, 4, size=(2, channels, *SPACE[:dims])).astype(np.int16),
        }


    def remove(seed, dims, **options):
        transform = cascade.RemoveRandomConnectedComponentFromOneHotEncodingTransform([1, 2, 3], **options)
        np.random.seed(seed)
        return transform(data=one_hot(dims))


    def operate(seed, channels=(1, 2, 3), **options):
        transform = cascade.ApplyRandomBinaryOperatorTransform([*channels], strel_size=(1, 5), **options)
        np.random.seed(seed)
        result = transform(data=one_hot(3, np.float64 if seed % 2 else np.float32))
        return {**result, "order": np.array(transform.channel_idx)}


    def make_all():
        yield "onehot", cascade.MoveSegAsOneHotToData(1, [1, 2, 3])(**batch(2))
        yield "onehot kept", cascade.MoveSegAsOneHotToData(0, (0, -1), remove_from_origin=False)(**batch(3))
        yield "onehot last", cascade.MoveSegAsOneHotToData(0, [2], "seg", "data")(**batch(2, channels=1))
        for seed in range(8):
            yield f"removed {seed}", remove(seed, 2, p_per_sample=0.7, p_per_label=0.6, fill_with_other_class_p=0.5)
            limit = 0.0625 if seed % 2 else 0.0626  # 30 of 480 pixels are 0.0625
            yield f"small removed {seed}", remove(
                seed, 2, p_per_sample=1, fill_with_other_class_p=1, dont_do_if_covers_more_than_x_percent=limit
            )
            yield f"removed in 3D {seed}", remove(seed, 3, p_per_sample=1)
            yield f"operated {seed}", operate(seed, p_per_sample=0.8, p_per_label=0.7)
            yield f"one operated {seed}", operate(seed, channels=(1,), p_per_sample=1)
        for number, ds_scales in enumerate(([1, 0.5], [[1, 1], [0.5, 0.25]], [(1, 0.5)], [0.3, 2])):
            transform = scales.DownsampleSegForDSTransform2(ds_scales, output_key="scaled")
            for index, scaled in enumerate(transform(**batch(2))["scaled"]):
                yield f"scaled {number} {index}", {"seg": scaled}
        transform = scales.DownsampleSegForDSTransform2([[0.5], 0.25], order=1, axes=(3,))
        for index, scaled in enumerate(transform(**batch(3))["seg"]):
            yield f"one axis scaled {index}", {"seg": scaled}
        yield "masked", masking.MaskTransform([0, 2], mask_idx_in_seg=1, set_outside_to=5)(**batch(2))
        convert = regions.ConvertSegmentationToRegionsTransform
        yield "regions", convert([1, (1, 2), [3, -1]])(**batch(2))
        yield "regions of another channel", convert([(1, 2)], output_key="regions", seg_channel=1)(**batch(3))
        yield "no regions", convert([1])(data=np.ones(1))
        flat = dummy_2d.Convert3DTo2DTransform()(**batch(3))
        yield "flat", dict(flat)
        flat["data"], flat["seg"] = flat["data"][..., :-2], flat["seg"][:, :, 1:]
        yield "not flat", dummy_2d.Convert2DTo3DTransform()(**flat)
        yield "image flat", dummy_2d.Convert3DTo2DTransform(("data",))(**batch(3))


    def refused():
        volume, flat = np.zeros((1, 1, 2, 3, 4)), np.zeros((1, 2, 3, 4))
        for transform, batch in (
            (dummy_2d.Convert3DTo2DTransform(("data",)), {"data": flat}),
            (dummy_2d.Convert3DTo2DTransform(("data",)), {"data": volume, "orig_shape_data": (1,)}),
            (dummy_2d.Convert2DTo3DTransform(("data",)), {"data": flat}),
            (scales.DownsampleSegForDSTransform2([[1, 1, 1]]), {"seg": flat}),
        ):
            try:
                transform(**batch)
            except AssertionError:
                yield type(transform).__name__


    if __name__ == "__main__":
        print(*refused())
        made = {f"{name}: {key}": value for name, result in make_all() for key, value in result.items()}
        np.savez(sys.argv[1], **made)
"""


@dataclass(frozen=True)
class Made:
    """What a package makes, and the transforms that refuse their input."""

    arrays: dict[str, np.ndarray]
    refused: list[str]


def made_by(run: Any, file: Path) -> Made:
    output = run(SCRIPT, file)
    with np.load(file) as arrays:
        return Made(dict(arrays), output.split())


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Made, Made]:
    """Ours and nnU-Net's."""
    folder = tmp_path_factory.mktemp("transforms")
    return made_by(run_ours, folder / "ours.npz"), made_by(run_oracle, folder / "stock.npz")


def test_batches_are_equal_in_every_value_and_type(both: tuple[Made, Made]) -> None:
    ours, stock = both
    assert list(ours.arrays) == list(stock.arrays)
    for name, expected in stock.arrays.items():
        assert ours.arrays[name].dtype == expected.dtype, name
        np.testing.assert_array_equal(ours.arrays[name], expected, err_msg=name)


def test_the_random_transforms_change_something(both: tuple[Made, Made]) -> None:
    ours = both[0].arrays
    for kind in ("removed", "small removed", "removed in 3D", "operated", "one operated"):
        assert len({ours[f"{kind} {seed}: data"].tobytes() for seed in range(8)}) > 2, kind


def test_what_nnunet_refuses_is_refused_with_the_same_kind_of_error(both: tuple[Made, Made]) -> None:
    assert len(both[1].refused) == 4
    assert both[0].refused == both[1].refused
