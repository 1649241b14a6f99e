from dataclasses import replace

import pytest

from nnunetv2.imageio.image_header import ImageHeader
from nnunetv2.inference.memory_estimate import CaseMemory, ModelSize

RGB = ModelSize(3, 3, 1, (512, 512), (1.0, 1.0), in_stripes=True, with_probabilities=False)
VOLUMES = ModelSize(1, 100, 1, (64, 64, 64), (1.0, 1.0, 1.0), in_stripes=True, with_probabilities=False)


def picture(height: int, width: int) -> ImageHeader:
    return ImageHeader((1, height, width))


def test_beyond_pixels_and_labels_pictures_take_memory_by_their_width_only() -> None:
    def beyond(height: int, width: int) -> int:
        return CaseMemory.of(picture(height, width), RGB).predicting - 4 * height * width

    assert beyond(4096, 4096) == beyond(65536, 4096)
    assert beyond(4096, 8192) == 2 * beyond(4096, 4096)


def test_pictures_of_16_bits_take_two_bytes_a_value() -> None:
    bytes_, words = (CaseMemory.of(ImageHeader((1, 512, 512), None, size), RGB) for size in (1, 2))
    assert words.preparing == 2 * bytes_.preparing
    assert words.predicting - bytes_.predicting == 3 * 512 * 512


def test_pictures_that_are_read_by_rows_take_the_rows_that_are_decoded_and_the_labels() -> None:
    header = ImageHeader((1, 8192, 4096), None, 2, rows_in_memory=1024)
    by_rows, whole = (CaseMemory.of(header, replace(RGB, reads_rows=reads_rows)) for reads_rows in (True, False))
    assert by_rows.preparing == 1024 * 4096 * 3 * 2
    assert whole.preparing == 8 * by_rows.preparing
    assert whole.predicting - by_rows.predicting == whole.preparing - by_rows.preparing


@pytest.mark.parametrize(
    "changes",
    [{"in_stripes": False}, {"with_probabilities": True, "in_stripes": False}],
    ids=["whole", "probabilities"],
)
def test_whole_pictures_take_several_times_as_much(changes: dict) -> None:
    stripes = CaseMemory.of(picture(16384, 16384), RGB)
    whole = CaseMemory.of(picture(16384, 16384), replace(RGB, **changes))
    assert whole.predicting > 4 * stripes.predicting
    assert whole.preparing == 8 * stripes.preparing


def test_more_folds_classes_and_finer_spacings_take_more() -> None:
    header = ImageHeader((100, 200, 200), (2.0, 1.0, 1.0))
    memory = CaseMemory.of(header, VOLUMES)
    assert memory.predicting == 2 * header.voxels * (4 + 2 * 101)
    assert CaseMemory.of(header, replace(VOLUMES, folds=5)).predicting == 2 * header.voxels * (4 + 2 * 201)
    assert CaseMemory.of(header, replace(VOLUMES, heads=2)).exporting < memory.exporting / 15
    written = CaseMemory.of(header, replace(VOLUMES, with_probabilities=True))
    slab = 10 * 100 * 2**20
    assert written.exporting - memory.exporting == 2**28 + slab  # the rest is in a file
    at_once = CaseMemory.of(header, replace(VOLUMES, resamples_partwise=False))
    assert at_once.exporting - memory.exporting == 4 * 100 * header.voxels


def test_workers_are_left_out_one_by_one_until_the_rest_fits() -> None:
    memory = CaseMemory.of(picture(8192, 8192), RGB)
    enough = memory.total(3, 2)
    assert memory.fitting_workers(3, 2, enough) == (3, 2)
    assert memory.fitting_workers(3, 2, enough - 1) == (2, 2)
    assert memory.fitting_workers(3, 3, memory.total(1, 2)) == (1, 2)
    assert memory.fitting_workers(3, 3, 0) == (0, 0)
    assert memory.total(0, 0) < memory.total(1, 0) < memory.total(1, 1)


def test_the_network_counts_once_whatever_the_number_of_workers() -> None:
    without, with_network = (CaseMemory.of(picture(64, 64), replace(RGB, network=size)) for size in (0, 10**9))
    for workers in ((0, 0), (3, 2)):
        assert with_network.total(*workers) - without.total(*workers) == 10**9
