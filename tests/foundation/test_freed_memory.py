"""What the process does with memory that was freed: each way in a process of its own, as it is for good."""

import subprocess
import sys

import numpy as np
import pytest

from nnunetv2.foundation.freed_memory import zeros_apart

MEASURE = """
import resource, sys
import numpy as np
from nnunetv2.foundation import freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        arrays = [np.ones(2**21) for _ in range(3)]
        del arrays
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

{}
print(faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc has the setting")
def test_arrays_that_are_made_again_and_again_take_new_memory_only_if_it_is_returned() -> None:
    a_page_of_64_kib = 20 * 3 * 16 * 2**20 / 2**16
    assert faults_after("freed_memory.keep_freed_memory(); faults()") < 100
    seldom = "freed_memory.keep_freed_memory(); seldom = freed_memory.returning_large_arrays(); seldom.__enter__()"
    assert faults_after(seldom) > a_page_of_64_kib
    kept = "freed_memory.keep_freed_memory(); faults()"
    assert faults_after(f"{kept}; freed_memory.return_kept_memory()") > a_page_of_64_kib / 20
    assert faults_after(f"{seldom}; seldom.__exit__(None, None, None); faults()") < 100


APART = """
import numpy as np
from nnunetv2.foundation import freed_memory

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))

freed_memory.keep_freed_memory()
before = resident()
apart = freed_memory.zeros_apart((3, 2**22), np.float16)
assert apart.shape == (3, 2**22) and apart.dtype == np.float16 and not apart.any()
apart += 1
filled = resident()
del apart
print(before, filled, resident())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is measured as Linux counts it")
def test_an_array_apart_returns_to_the_system_at_once_although_others_are_kept() -> None:
    script = [sys.executable, "-c", APART]
    before, filled, after = map(int, subprocess.run(script, capture_output=True, text=True, check=True).stdout.split())
    assert filled > before + 24_000
    assert after < before + 4_000


def test_an_array_apart_may_be_empty() -> None:
    assert zeros_apart((0, 5), np.uint8).shape == (0, 5)


@pytest.mark.parametrize("length", [10**15, 2**63])
def test_an_array_apart_that_is_too_large_is_a_lack_of_memory_and_no_error_of_a_file(length: int) -> None:
    with pytest.raises(MemoryError, match=f"Unable to allocate {length >> 20} MiB"):
        zeros_apart((length,), np.uint8)


def faults_after(statements: str) -> int:
    script = MEASURE.format(statements)
    return int(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout)
