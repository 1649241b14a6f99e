import os
import re

import pytest

from s1.case_table import read_case_table
from s1.domain_files import read_domain_map
from s1.errors import DriftError, ImageProblemError, SourceError
from s1.readable_files import hindrance, is_given, require_file
from tests.odd_files import KINDS, make_odd


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_is_described_without_opening_it(tmp_path, kind):
    path = make_odd(tmp_path / "a.png", kind)
    assert re.match(KINDS[kind], hindrance(path))
    with pytest.raises(ImageProblemError, match=rf"a\.png: {KINDS[kind]}"):
        require_file(path)
    with pytest.raises(SourceError, match=KINDS[kind]):
        is_given(path)


def test_files_and_links_to_files_can_be_read(tmp_path):
    (tmp_path / "a").touch()
    (tmp_path / "link").symlink_to("a")
    assert hindrance(tmp_path / "a") is None
    assert is_given(tmp_path / "link")


def test_a_missing_file_is_left_to_the_caller(tmp_path):
    require_file(tmp_path / "none")
    assert hindrance(tmp_path / "none") == "no such file"
    assert not is_given(tmp_path / "none")


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(tmp_path):
    (tmp_path / "a").touch(mode=0)
    assert hindrance(tmp_path / "a") == "may not be read (permission denied)"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("read", [read_domain_map, read_case_table])
def test_nobody_waits_for_a_pipe_in_place_of_a_json_file_or_a_table(tmp_path, kind, read):
    with pytest.raises(DriftError, match=KINDS[kind]):
        read(make_odd(tmp_path / "domains.json", kind))
