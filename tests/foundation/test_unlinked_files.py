"""Files that are written in place: appended in one write, never through a link."""

import os
from pathlib import Path

import pytest

from nnunetv2.foundation.journal import append_to_journal, read_journal
from nnunetv2.foundation.unlinked_files import append_unlinked, open_unlinked

pytestmark = pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="the system cannot refuse links")


def test_lines_are_appended_and_the_file_is_made(tmp_path: Path) -> None:
    for text in (b"a", b"b"):
        append_unlinked(tmp_path / "log", text)
    assert (tmp_path / "log").read_bytes() == b"ab"


@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_is_refused_and_its_target_left_alone(tmp_path: Path, is_there: bool) -> None:
    target, link = tmp_path / "target", tmp_path / "journal.jsonl"
    if is_there:
        target.write_text("precious")
    link.symlink_to(target)
    with pytest.raises(OSError, match=r"is a symbolic link.*journal\.jsonl"):
        append_to_journal(link, {"case": "a"})
    assert target.exists() == is_there
    assert read_journal(target) == []


def test_other_errors_are_those_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        open_unlinked(tmp_path, os.O_WRONLY, "wb")
