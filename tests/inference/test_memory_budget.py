import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from nnunetv2.errors import SettingsError
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
from nnunetv2.inference import memory_budget
from nnunetv2.inference.memory_budget import VARIABLE, budget_bytes, plan_workers
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from s1 import tiff_rows
from tests.factories.models import CPU
from tests.inference.conftest import write_rgb


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 800), ("50%", 500), ("0.5 %", 5), ("12", 12e9), ("1.5G", 15e8), ("12gb", 12e9), ("900M", 9e8)],
)
def test_the_budget_is_an_amount_or_a_share_of_what_is_left(monkeypatch, text, expected) -> None:
    monkeypatch.setenv(VARIABLE, text)
    assert budget_bytes(1000) == expected


def test_the_budget_is_a_share_of_an_unknown_memory_only_if_no_amount_is_given(monkeypatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert budget_bytes(None) is None
    monkeypatch.setenv(VARIABLE, "2G")
    assert budget_bytes(None) == 2e9


@pytest.mark.parametrize("text", ["much", "-1", "0", "1e9", "5T", "12 G 3", "1" * 40])
def test_other_values_are_refused_in_one_line(monkeypatch, text) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(SettingsError, match=r"expected GB or a share of what is left: 12, 12G, 900M or 50%$"):
        budget_bytes(1000)


@pytest.fixture
def predictor(rgb_model: Path) -> nnUNetPredictor:
    predictor = nnUNetPredictor(device=CPU, allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(rgb_model, None)
    return predictor


@pytest.fixture
def cases(rgb_images: Path) -> list[list[str]]:
    write_rgb(rgb_images / "large_0000.png", 0, (500, 300))
    (rgb_images / "broken_0000.png").write_bytes(b"\x89PNG" * 100000)
    return [[str(file)] for file in sorted(rgb_images.iterdir())]


def test_the_line_names_the_largest_image_the_need_and_the_budget(predictor, cases, monkeypatch) -> None:
    monkeypatch.setenv(VARIABLE, "10G")
    workers, line = plan_workers(predictor, cases, (1, 2), False)
    assert workers == (1, 2)
    assert line == (
        "Memory: about 0.9 GB of 10.0 GB (nnUNet_memory_budget) for 5 case(s) of up to 500 x 300, with 1 processes for "
        "preprocessing and 2 for export."
    )


def test_workers_that_do_not_fit_are_left_out(predictor, cases, monkeypatch) -> None:
    monkeypatch.setenv(VARIABLE, "700M")
    workers, line = plan_workers(predictor, cases, (3, 3), False)
    assert workers == (0, 1)
    assert "with 0 processes for preprocessing and 1 for export (not 3 and 3, which would not fit)." in line
    monkeypatch.setenv(VARIABLE, "100M")
    workers, line = plan_workers(predictor, cases, (0, 0), False)
    assert workers == (0, 0)
    assert line.endswith("It is more than that: the prediction may fail.")


def test_what_is_not_known_is_said_and_changes_nothing(predictor, cases, monkeypatch) -> None:
    assert plan_workers(predictor, [["missing.png"]], (3, 3), False)[0] == (3, 3)
    assert plan_workers(object(), cases, (3, 3), False)[0] == (3, 3)
    monkeypatch.setattr(memory_budget, "available_bytes", lambda: None)
    assert "not known" in plan_workers(predictor, cases, (3, 3), False)[1]


def test_rows_of_tiff_images_are_counted_for_the_reader_that_reads_them(predictor, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(tiff_rows, "SMALLEST_BYTES", 0)
    monkeypatch.setenv(VARIABLE, "10G")
    pixels = np.zeros((20000, 1500, 3), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, rowsperstrip=256, photometric="rgb", compression="zlib")
    cases = [[str(tmp_path / "a.tif")]]
    by_rows = plan_workers(predictor, cases, (0, 0), False)[1]
    monkeypatch.setattr(type(predictor.plans_manager), "image_reader_writer_class", SimpleITKIO)
    whole = plan_workers(predictor, cases, (0, 0), False)[1]
    assert needed_gb(whole) - needed_gb(by_rows) == pytest.approx(pixels.nbytes / 1e9, abs=0.1)


def needed_gb(line: str) -> float:
    return float(line.split()[2])


def test_all_files_of_a_case_are_looked_at(predictor, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(VARIABLE, "10G")
    shapes = [(200, 100), (6000, 8000)]
    files = [str(tmp_path / f"a_000{channel}.png") for channel in range(2)]
    for file, shape in zip(files, shapes, strict=True):
        Image.fromarray(np.zeros(shape, np.uint16)).save(file, compress_level=1)
    lines = [plan_workers(predictor, [case], (0, 0), False)[1] for case in (files, files[:1])]
    assert "up to 6000 x 8000" in lines[0]
    assert "up to 200 x 100" in lines[1]
    assert needed_gb(lines[0]) - needed_gb(lines[1]) == pytest.approx(6000 * 8000 * (3 * 2 + 1) / 1e9, abs=0.11)


def test_a_case_is_counted_by_rows_only_if_all_its_files_are_read_so(predictor, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(tiff_rows, "SMALLEST_BYTES", 0)
    monkeypatch.setenv(VARIABLE, "10G")
    pixels = np.zeros((20000, 3000), np.uint8)
    for name, rows in (("a.tif", 256), ("b.tif", 256), ("c.tif", 20000)):
        tifffile.imwrite(tmp_path / name, pixels, rowsperstrip=rows, compression="zlib", compressionargs={"level": 1})
    by_rows, whole = (
        needed_gb(plan_workers(predictor, [[str(tmp_path / name) for name in case]], (0, 0), False)[1])
        for case in (("a.tif", "b.tif"), ("a.tif", "c.tif"))
    )
    assert whole - by_rows == pytest.approx(3 * pixels.nbytes / 1e9, abs=0.11)


def test_the_case_that_needs_most_counts_which_need_not_have_the_largest_file(predictor, cases, monkeypatch) -> None:
    monkeypatch.setenv(VARIABLE, "10G")
    Image.new("RGB", (3000, 2000)).save(Path(cases[0][0]).with_name("white_0000.png"))
    cases = [*cases, [str(Path(cases[0][0]).with_name("white_0000.png"))]]
    assert os.path.getsize(cases[-1][0]) < max(os.path.getsize(case[0]) for case in cases)
    assert "up to 2000 x 3000" in plan_workers(predictor, cases, (0, 0), False)[1]
