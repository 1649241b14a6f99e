"""The oracle is the released nnU-Net, and ours is this package, whatever other tests have imported."""

import pytest

from tests.differential.oracle import ORACLE, ROOT, run_oracle, run_ours
from tests.forked_programs import require_fresh

WHICH = "import nnunetv2, nnunetv2.configuration as used; print(used.__file__)"


def test_each_runs_its_own_package() -> None:
    assert run_oracle(WHICH).startswith(str(ORACLE))
    assert run_ours(WHICH).startswith(str(ROOT / "s2s3"))


def test_a_process_that_has_a_package_already_is_refused() -> None:
    require_fresh({"torch"})
    with pytest.raises(RuntimeError, match="already"):
        require_fresh({"torch", "nnunetv2"})
