"""Runs the command of stage 1 where it must refuse its input."""

import pytest

from s1.PRISMDD import main


def refusal(capsys, *arguments):
    """Return what the command writes to stderr; fails unless its exit code is 2."""
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    assert caught.value.code == 2
    return capsys.readouterr().err
