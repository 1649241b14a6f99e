import sys

import pytest

from nnunetv2.foundation.progress import redraw_interval_s


@pytest.mark.parametrize(("is_terminal", "interval_s"), [(True, 0.1), (False, 10.0)])
def test_bars_are_redrawn_often_on_a_terminal_and_rarely_in_a_file(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, interval_s: float
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    assert redraw_interval_s() == interval_s
