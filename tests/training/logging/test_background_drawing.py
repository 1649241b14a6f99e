"""Pictures are drawn while a training goes on."""

import gc
import signal
import threading
from pathlib import Path

import pytest

from nnunetv2.training.logging.background_drawing import BackgroundDrawing
from nnunetv2.training.logging.progress_plot import draw_progress


def test_the_first_picture_is_there_at_once_and_later_ones_do_not_wait(tmp_path: Path) -> None:
    drawing, target, go_on = BackgroundDrawing(), tmp_path / "progress.png", threading.Event()
    drawing.start(lambda: target.write_text("first") and None, target)
    assert target.read_text() == "first"

    def draw_late() -> None:
        assert go_on.wait(10)
        target.write_text("second")

    drawing.start(draw_late, target)
    assert target.read_text() == "first"
    go_on.set()
    drawing.wait()
    assert target.read_text() == "second"


def test_drawings_keep_their_order(tmp_path: Path) -> None:
    drawing, target, drawn = BackgroundDrawing(), tmp_path, []
    for number in range(5):
        drawing.start(lambda number=number: drawn.append(number), target)
    drawing.wait()
    assert drawn == [0, 1, 2, 3, 4]


def test_a_drawing_that_fails_costs_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    drawing = BackgroundDrawing()
    drawing.start(lambda: (tmp_path / "none" / "x").write_text("") and None, tmp_path / "progress.png")
    drawing.wait()
    assert "progress.png could not be drawn: " in caplog.text


@pytest.mark.long
def test_a_drawing_leaves_no_picture_in_memory_that_waits_for_the_garbage_collector(tmp_path: Path) -> None:
    times = {f"epoch_{name}_timestamps": [1.0, 2.0] for name in ("start", "end")}
    curves = {name: [1.0, 2.0] for name in ("train_losses", "val_losses", "lrs", "mean_fg_dice", "ema_fg_dice")}
    gc.collect()
    gc.disable()
    try:
        earlier = renderers()
        draw_progress({**curves, **times}, {}, tmp_path / "progress.png")
        drawn = [kept for kept in renderers() if not any(kept is other for other in earlier)]
    finally:
        gc.enable()
    assert (tmp_path / "progress.png").stat().st_size > 1000
    assert not any(map(vars, drawn))


def renderers() -> list[object]:
    """All pictures that this process holds; other tests of the process may have left theirs."""
    return [kept for kept in gc.get_objects() if type(kept).__name__ == "RendererAgg"]


def test_ctrl_c_while_a_drawing_starts_comes_after_it_and_leaves_one_that_can_be_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(threading.Thread):
        def start(self) -> None:
            signal.raise_signal(signal.SIGINT)
            super().start()

    drawing, drawn = BackgroundDrawing(), []
    monkeypatch.setattr(threading, "Thread", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        drawing.start(lambda: drawn.append(1), tmp_path / "progress.png")
    drawing.wait()
    assert drawn == [1]


def test_a_drawing_that_cannot_start_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    drawing = BackgroundDrawing()
    monkeypatch.setattr(threading.Thread, "start", fail)
    with pytest.raises(RuntimeError, match="new thread"):
        drawing.start(lambda: None, tmp_path / "progress.png")
    drawing.wait()
