import subprocess
import sys

import pytest

from nnunetv2.errors import InvalidValueError
from nnunetv2.pathology.prediction.stripe_memory import bytes_per_column, widest_block

ACCUMULATE = """
import resource, sys
import torch
from nnunetv2.foundation.freed_memory import keep_freed_memory
from nnunetv2.pathology.outputs.band_layout import BandLayout
from nnunetv2.inference.stripe_accumulation import StripeAccumulation
from nnunetv2.inference.stripe_grid import StripeGrid
keep_freed_memory()  # as the command does
torch.set_num_threads(1)
width, bands, folds = map(int, sys.argv[1:])
tile, cpu = torch.randn(3 * folds, 512, 512), torch.device("cpu")
grid = StripeGrid(BandLayout(80_000, 100_000, width), (512, 512), 1.0)
accumulation = StripeAccumulation(grid, lambda top, lefts: (tile for _ in lefts), 3, None, cpu, folds=folds)
for band in accumulation.bands_of_block(1, range(bands)):
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_the_width_is_the_largest_multiple_of_1024_that_fits():
    column = bytes_per_column(3, 512)
    assert column == 2 * 4 * 1536 + 8 * 1024
    assert widest_block(column * 8192, 3, (512, 512)) == 8192
    assert widest_block(column * 8192 - 1, 3, (512, 512)) == 7168
    assert bytes_per_column(3, 512, folds=5) == column + 2 * 4 * 3 * 1536
    assert widest_block(column * 8192, 3, (512, 512), folds=5) == 2048


def test_a_block_is_at_least_two_tiles_wide():
    column = bytes_per_column(3, 600)
    assert widest_block(column * 2048, 3, (600, 600)) == 2048
    with pytest.raises(InvalidValueError, match=r"memory for summing tiles is 1 MiB, expected at least \d+ MiB for 3"):
        widest_block(2**20, 3, (600, 600))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has other units elsewhere")
@pytest.mark.parametrize("folds", [1, 5])
def test_the_memory_of_a_huge_slide_is_as_computed_and_does_not_grow_with_its_height(folds):
    def peak_kib(width: int, bands: int) -> int:
        command = [sys.executable, "-c", ACCUMULATE, str(width), str(bands), str(folds)]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    idle, three, nine = peak_kib(1024, 1), peak_kib(8192, 3), peak_kib(8192, 9)
    assert nine < 1.05 * three
    assert (three - idle) * 1024 < 1.25 * bytes_per_column(3, 512, folds) * (8192 - 1024)
