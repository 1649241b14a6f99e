"""What all tests share: a clean environment and folders of their own."""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")  # a busy machine is no failure


def pytest_configure() -> None:
    """Let Ctrl-C end programs that tests start, also where a shell runs the tests in the background, ignoring it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class NnunetFolders:
    """The three folders of nnU-Net for one test; the environment points to them."""

    raw: Path
    preprocessed: Path
    results: Path

    @property
    def environment(self) -> dict[str, str]:
        """The variables for a subprocess."""
        return {
            "nnUNet_raw": str(self.raw),
            "nnUNet_preprocessed": str(self.preprocessed),
            "nnUNet_results": str(self.results),
        }


def folders_in(root: Path) -> NnunetFolders:
    """Return raw, preprocessed and results below `root`, whether they exist or not."""
    return NnunetFolders(*(root / f"nnUNet_{name}" for name in ("raw", "preprocessed", "results")))


def make_folders(root: Path) -> NnunetFolders:
    """Create raw, preprocessed and results below `root`."""
    folders = folders_in(root)
    for folder in (folders.raw, folders.preprocessed, folders.results):
        folder.mkdir(parents=True)
    return folders


@pytest.fixture(autouse=True)
def _no_leaking_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [name for name in os.environ if name.startswith(("nnUNet_", "DRIFT_"))]:
        if variable != "DRIFT_REAL_DATA":
            monkeypatch.delenv(variable)


@pytest.fixture
def nnunet_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NnunetFolders:
    """Empty nnUNet folders of this test, with the environment set to them."""
    folders = make_folders(tmp_path)
    for variable, value in folders.environment.items():
        monkeypatch.setenv(variable, value)
    return folders


def exit_code_of(monkeypatch: pytest.MonkeyPatch, entry_point: Callable[[], None], *arguments: object) -> int:
    """Call the function of a console script in this process, with arguments, and return the exit code."""
    monkeypatch.setattr(sys, "argv", ["command", *map(str, arguments)])
    try:
        entry_point()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


@pytest.fixture
def run_command(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Call the function of a console script in this process, with arguments; any exit code but `exit_code` fails."""

    def run(entry_point: Callable[[], None], *arguments: object, exit_code: int = 0) -> None:
        assert exit_code_of(monkeypatch, entry_point, *arguments) == exit_code

    return run


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets; skips where DRIFT_REAL_DATA does not name one."""
    folder = os.environ.get("DRIFT_REAL_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("DRIFT_REAL_DATA does not name a folder of real data sets")
    return Path(folder)
