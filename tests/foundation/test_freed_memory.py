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


def faults_after(statements: str) -> int:
    script = MEASURE.format(statements)
    return int(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout)
