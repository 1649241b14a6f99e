import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from nnunetv2.errors import ArchiveError, InvalidValueError, MissingFileError, OutputExistsError, WrongShapeError
from nnunetv2.pathology.outputs.band_layout import BandLayout
from nnunetv2.pathology.outputs.bands import BandFiles, file_stamp
from nnunetv2.preprocessing.storage.b2nd_files import open_b2nd

LAYOUT = BandLayout(height=70, width=50, block_width=20, band_height=32)
PLAN = {"model": {"hash": "77ab" * 16, "folds": [0]}, "step": 0.5, "normalization": [1.25, (2, 3)]}
LABELS = np.random.default_rng(1).integers(0, 4, (70, 50), np.uint8)


def band_of(image: np.ndarray, block: int, band: int) -> np.ndarray:
    return image[..., slice(*LAYOUT.bands[band]), slice(*LAYOUT.blocks[block])]


def written(folder: Path) -> BandFiles:
    files = BandFiles(folder, LAYOUT)
    files.begin(PLAN)
    for block in range(len(LAYOUT.blocks)):
        for band in range(len(LAYOUT.bands)):
            files.write(block, band, band_of(LABELS, block, band))
    return files


def test_blocks_and_bands_cover_the_image_and_the_last_ones_are_smaller():
    assert LAYOUT.blocks == [(0, 20), (20, 40), (40, 50)]
    assert LAYOUT.bands == [(0, 32), (32, 64), (64, 70)]
    assert LAYOUT.band_shape(2, 2) == (6, 10)
    with pytest.raises(InvalidValueError, match="block_width is 0, expected at least 1"):
        BandLayout(70, 50, 0)


def test_any_window_of_the_label_image_is_read_from_its_bands(tmp_path):
    files = written(tmp_path / "a")
    for top, left, height, width in [(0, 0, 70, 50), (30, 15, 5, 30), (69, 49, 1, 1), (33, 21, 4, 4)]:
        window = files.labels(top, left, height, width)
        assert np.array_equal(window, LABELS[top : top + height, left : left + width])


def test_a_window_of_a_wide_band_is_decompressed_without_the_rest_of_its_rows(tmp_path):
    layout = BandLayout(height=1100, width=5000, block_width=5000, band_height=1024)
    labels = np.random.default_rng(2).integers(0, 9, (1100, 5000), np.uint8)
    maps = labels[None, ::4, ::4].repeat(2, axis=0)
    files = BandFiles(tmp_path, layout, np.uint8, num_probabilities=2, probability_factor=4)
    files.begin(PLAN)
    for band, (first, end) in enumerate(layout.bands):
        files.write(0, band, labels[first:end], maps[:, first // 4 : -(-end // 4)])
    assert np.array_equal(files.labels(0, 0, 1100, 5000), labels)
    assert np.array_equal(files.labels(1000, 2000, 100, 100), labels[1000:1100, 2000:2100])
    assert np.array_equal(files.probabilities(1, 0, 0, 275, 1250), maps[1])
    parts = [(array.chunks, array.blocks) for array in map(open_b2nd, sorted(files.work_folder.glob("*.b2nd")))]
    assert parts == [
        ((1024, 2048), (64, 2048)),
        ((76, 2048), (64, 2048)),
        ((1, 256, 1250), (1, 64, 1250)),
        ((1, 19, 1250), (1, 19, 1250)),
    ]


def test_an_equal_plan_goes_on_with_the_bands_that_are_missing(tmp_path):
    files = written(tmp_path)
    (files.work_folder / "labels_1_2.b2nd").unlink()
    again = BandFiles(tmp_path, LAYOUT)
    again.begin(PLAN)
    assert [again.unfinished(block) for block in range(3)] == [[], [2], []]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": {"hash": "1f3c" * 16, "folds": [0]}}, r"another model \(hash 77ab.. instead of 1f3c..\)"),
        ({"model": {"hash": "77ab" * 16, "folds": [0, 1]}}, r"another model \(folds \[0\] instead of \[0, 1\]\)"),
        ({"step": 1}, r"another step \(0.5 instead of 1\)"),
        ({"tissue": None, "margin": 3}, r"another margin \(null instead of 3\)"),
    ],
)
def test_another_plan_is_refused_with_the_first_difference_unless_it_may_overwrite(tmp_path, change, words):
    files = written(tmp_path)
    with pytest.raises(OutputExistsError, match=rf"{tmp_path} was made with {words}\. Use another folder"):
        files.begin({**PLAN, **change})
    assert files.unfinished(0) == []
    files.begin({**PLAN, **change}, overwrite=True)
    assert files.unfinished(0) == [0, 1, 2]


def test_a_band_that_is_cut_of_another_shape_or_no_array_counts_as_missing(tmp_path):
    files = written(tmp_path)
    first, second, third = (files.work_folder / f"labels_{n}_0.b2nd" for n in range(3))
    first.write_bytes(first.read_bytes()[:60])
    second.write_bytes(third.read_bytes())
    third.write_bytes(b"")
    assert [files.unfinished(block) for block in range(3)] == [[0], [0], [0]]
    with pytest.raises(ArchiveError, match=r"labels_0_0.b2nd: damaged. Predict the slide again"):
        files.labels(0, 0, 70, 50)
    first.unlink()
    with pytest.raises(MissingFileError, match=r"labels_0_0.b2nd: not found"):
        files.read(0, 0)


def test_probabilities_belong_to_a_band_if_there_are_any(tmp_path):
    files = BandFiles(tmp_path, LAYOUT, np.uint16, num_probabilities=3)
    files.begin(PLAN)
    labels, probabilities = np.full((32, 20), 300, np.uint16), np.full((3, 32, 20), 7, np.uint8)
    with pytest.raises(WrongShapeError, match="band 0 of block 0"):
        files.write(0, 0, labels)
    files.write(0, 0, labels, probabilities)
    assert files.is_finished(0, 0)
    assert np.array_equal(files.read(0, 0, "probabilities"), probabilities)
    assert np.array_equal(files.read(0, 0), labels)
    (files.work_folder / "probabilities_0_0.b2nd").unlink()
    assert not files.is_finished(0, 0)


def test_a_coarser_map_of_probabilities_is_put_together_from_all_bands(tmp_path):
    layout = BandLayout(70, 50, 32, 32)
    files = BandFiles(tmp_path, layout, np.uint8, num_probabilities=2, probability_factor=8)
    files.begin(PLAN)
    whole = np.random.default_rng(0).integers(0, 256, (2, 9, 7), np.uint8)
    for block, (left, right) in enumerate(layout.blocks):
        for band, (top, bottom) in enumerate(layout.bands):
            part = whole[:, top // 8 : -(-bottom // 8), left // 8 : -(-right // 8)]
            files.write(block, band, np.zeros(layout.band_shape(block, band), np.uint8), part)
    assert files.map_size == (9, 7)
    assert np.array_equal(files.probabilities(1, 0, 0, 9, 7), whole[1])
    assert np.array_equal(files.probabilities(0, 2, 1, 5, 6), whole[0, 2:7, 1:7])


def test_equal_bands_are_equal_files(tmp_path):
    one, other = written(tmp_path / "a"), written(tmp_path / "b")
    for file in sorted(one.work_folder.iterdir()):
        assert file.read_bytes() == (other.work_folder / file.name).read_bytes(), file.name


def test_removing_does_not_follow_a_link_out_of_the_folder(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.txt").touch()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".work").symlink_to(outside)
    files = BandFiles(tmp_path / "a", LAYOUT)
    files.begin(PLAN, overwrite=True)
    assert (outside / "precious.txt").exists()
    assert not (tmp_path / "a" / ".work").is_symlink()


def test_a_stamp_changes_with_the_ends_of_a_file_and_its_time(tmp_path):
    file = tmp_path / "a.svs"
    file.write_bytes(bytes(200_000))
    stamp = file_stamp(file)
    assert stamp["size"] == 200_000
    assert file_stamp(file) == stamp
    with file.open("rb+") as stream:
        stream.seek(199_999)
        stream.write(b"x")
    os.utime(file, ns=(stamp["mtime_ns"], stamp["mtime_ns"]))
    assert {key for key in stamp if file_stamp(file)[key] != stamp[key]} == {"hash"}


WRITER = """
import sys
from pathlib import Path
import numpy as np
from nnunetv2.pathology.outputs.band_layout import BandLayout
from nnunetv2.pathology.outputs.bands import BandFiles
files = BandFiles(Path(sys.argv[1]), BandLayout(200_000, 64, 64, 1024))
files.begin({"step": 0.5})
for band in files.unfinished(0):
    files.write(0, band, np.full(files.layout.band_shape(0, band), band % 250, np.uint8))
"""


@pytest.mark.long
def test_a_killed_writer_leaves_only_whole_bands_and_the_next_run_completes_them(tmp_path):
    layout = BandLayout(200_000, 64, 64, 1024)
    files = BandFiles(tmp_path, layout)
    counts = []
    for target in (10, 40):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)])
        while process.poll() is None and len(list(tmp_path.rglob("labels_*.b2nd"))) < target:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        counts.append(len(layout.bands) - len(files.unfinished(0)))
    assert 10 <= counts[0] < counts[1] < len(layout.bands)
    subprocess.run([sys.executable, "-c", WRITER, str(tmp_path)], check=True)
    assert files.unfinished(0) == []
    assert all((files.read(0, band) == band % 250).all() for band in (0, counts[0], counts[1], len(layout.bands) - 1))
    assert not [file for file in files.work_folder.iterdir() if "partial" in file.name]
