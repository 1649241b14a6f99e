"""What the process does with memory that was freed: each way in a process of its own, as it is for good."""

import subprocess
import sys

import pytest

MEASURE = """
import resource, sys
import numpy as np
from nnunetv2.foundation import freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        arrays = [np.ones(2**20) for _ in range(3)]
        del arrays
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

getattr(freed_memory, sys.argv[1])()
faults()
print(faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc has the setting")
def test_arrays_that_are_made_again_and_again_take_new_memory_only_if_it_is_returned() -> None:
    kept, returned = (
        int(subprocess.run([sys.executable, "-c", MEASURE, way], capture_output=True, text=True, check=True).stdout)
        for way in ("keep_freed_memory", "return_freed_memory")
    )
    assert kept < 100
    assert returned > 20 * 3 * 8 * 2**20 / 2**16, "at least one a page of 64 KiB"
