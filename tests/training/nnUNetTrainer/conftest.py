import pytest

from nnunetv2.training.logging.nnunet_logger import MetaLogger


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make batches in this process, and draw no progress.png, which would take longer than the epochs."""
    monkeypatch.setenv("nnUNet_n_proc_DA", "0")
    monkeypatch.setattr(MetaLogger, "plot_progress_png", lambda *_: None)
