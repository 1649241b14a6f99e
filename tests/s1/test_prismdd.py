"""The command from outside: what it writes, and how it reports bad input."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s1.distance_report import DISTANCE_TITLES
from s1.domain_distances import domain_distances
from s1.errors import DriftError
from s1.prism_result import read_prism_result
from s1.PRISMDD import main
from sample_data.__main__ import main as make_sample_data
from tests.s1.refused_command import refusal

SCRIPT = Path(__file__).resolve().parents[2] / "s1" / "PRISMDD.py"
FILES = {"prism_dd.json", "prism_dd.html", "feature_importance.png", "combined_analysis.png"}


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    raw = tmp_path_factory.mktemp("raw")
    make_sample_data([f"--output={raw}", "--cases-per-domain=3", "--held-out-per-domain=0", "--size=64"])
    return raw / "Dataset110_SyntheticTissue"


@pytest.fixture
def dataset(pristine, nnunet_folders):
    return Path(shutil.copytree(pristine, nnunet_folders.raw / pristine.name))


def as_domains(dataset, *names):
    """Return the arguments that pass domains of a dataset as separate folders."""
    arguments = []
    for name in names:
        for part in ("imagesTr", "labelsTr"):
            folder = dataset.parent / name / part
            folder.mkdir(parents=True)
            for file in (dataset / part).glob(f"{name}_*"):
                shutil.copy(file, folder)
        arguments += ["--domain", f"{name}={dataset.parent / name / 'imagesTr'}:{dataset.parent / name / 'labelsTr'}"]
    return arguments


def test_a_dataset_gets_its_result_and_its_report(dataset, capsys):
    before = set(path.name for path in dataset.iterdir())
    main(["-d", "110"])
    assert set(path.name for path in dataset.iterdir()) == before | FILES
    result = read_prism_result(dataset / "prism_dd.json")
    assert list(result.domains) == ["harbor", "meadow", "summit"]
    assert sum(result.ratios.values()) == pytest.approx(1)
    assert result.domain_file_sha256 == hashlib.sha256((dataset / "domains.json").read_bytes()).hexdigest()
    assert result.settings.class_weights == {0: 0.1, 1: 0.6, 2: 0.3}
    output = capsys.readouterr().out
    assert all(name in output for name in [*result.domains, "prism_dd.html"])


def test_distances_of_the_images_stand_beside_the_shift_in_file_and_page(dataset):
    main(["-d", "110"])
    distances = read_prism_result(dataset / "prism_dd.json").distances
    folder = dataset / "imagesTr"
    images = {
        name: [np.asarray(Image.open(file)) for file in sorted(folder.glob(f"{name}_*"))]
        for name in ("harbor", "meadow", "summit")
    }
    expected = domain_distances(images)
    assert {name: pytest.approx(pairs) for name, pairs in distances.items()} == expected
    page = (dataset / "prism_dd.html").read_text()
    assert all(f"{value:.3f}" in page for pairs in distances.values() for value in pairs.values())
    assert all(title in page for title in DISTANCE_TITLES.values())


def test_folders_give_the_same_numbers_as_the_dataset(dataset, tmp_path):
    main(["-d", "110", "--no-report"])
    main([*as_domains(dataset, "harbor", "meadow", "summit"), f"--output={tmp_path / 'out'}", "--no-report"])
    by_folder = read_prism_result(tmp_path / "out" / "prism_dd.json")
    by_dataset = read_prism_result(dataset / "prism_dd.json")
    assert (by_folder.domains, by_folder.pairs) == (by_dataset.domains, by_dataset.pairs)
    assert by_folder.domain_file_sha256 is None


def test_without_report_only_the_numbers_are_written(dataset, tmp_path):
    main(["-d", "Dataset110_SyntheticTissue", f"--output={tmp_path / 'deep' / 'out'}", "--no-report", "--workers=0"])
    assert [path.name for path in (tmp_path / "deep" / "out").iterdir()] == ["prism_dd.json"]


def test_settings_reach_the_result(dataset, tmp_path):
    main(["-d110", "--crop-common", "--class-weights=0=0.2,1=0.5", "--ignore-label=2", "--no-report"])
    settings = read_prism_result(dataset / "prism_dd.json").settings
    assert settings.crop_common
    assert settings.ignore_label == 2
    assert settings.class_weights == {0: 0.2, 1: 0.5}


def test_without_masks_classes_are_ignored_and_every_output_says_so(dataset, tmp_path, capsys):
    shutil.rmtree(dataset / "labelsTr")
    main(["-d", "110"])
    result = read_prism_result(dataset / "prism_dd.json")
    assert set(result.pairs[0].outcome.importance) == {"pixel_mean", "pixel_std", "glcm_contrast"}
    for text in (result.notes[0], capsys.readouterr().out, (dataset / "prism_dd.html").read_text()):
        assert "class shares are ignored" in text


def test_one_domain_gets_the_whole_ratio_and_a_report(dataset, tmp_path):
    main([*as_domains(dataset, "harbor"), f"--output={tmp_path / 'out'}"])
    assert read_prism_result(tmp_path / "out" / "prism_dd.json").ratios == {"harbor": 1.0}
    assert "only one domain" in (tmp_path / "out" / "prism_dd.html").read_text()


def break_shape(dataset):
    Image.fromarray(np.zeros((5, 7), np.uint8)).save(dataset / "labelsTr" / "harbor_001.png")
    return ["harbor_001.png", "7 x 5", "64 x 64"]


def break_image(dataset):
    (dataset / "imagesTr" / "harbor_002_0000.png").write_bytes(b"not an image")
    return ["harbor_002_0000.png", "cannot be read"]


def cut_image_short(dataset):
    file = dataset / "imagesTr" / "meadow_002_0000.png"
    file.write_bytes(file.read_bytes()[:900])
    return ["meadow_002_0000.png", "damaged"]


def remove_mask(dataset):
    (dataset / "labelsTr" / "summit_003.png").unlink()
    return ["summit_003.png", "no such file"]


def empty_a_domain(dataset):
    content = json.loads((dataset / "domains.json").read_text())
    content["domains"]["empty"] = []
    (dataset / "domains.json").write_text(json.dumps(content))
    return ["domains.json", "domain 'empty' has no case"]


def name_an_unknown_case(dataset):
    content = json.loads((dataset / "domains.json").read_text())
    content["domains"]["harbor"][0] = "harbour_001"
    (dataset / "domains.json").write_text(json.dumps(content))
    return ["domains.json", "'harbour_001' in domain 'harbor' does not exist, did you mean 'harbor_001'?"]


def write_label_255(dataset):
    Image.fromarray(np.full((64, 64), 255, np.uint8)).save(dataset / "labelsTr" / "harbor_001.png")
    return ["harbor_001.png", "found label 255, did you mean 1?"]


@pytest.mark.parametrize(
    "spoil",
    [break_shape, break_image, cut_image_short, remove_mask, empty_a_domain, name_an_unknown_case, write_label_255],
)
def test_bad_input_is_reported_with_the_file_and_nothing_is_written(dataset, capsys, spoil):
    expected = spoil(dataset)
    before = {path: path.read_bytes() for path in dataset.rglob("*") if path.is_file()}
    message = refusal(capsys, "-d", "110")
    assert all(text in message for text in expected), message
    assert {path: path.read_bytes() for path in dataset.rglob("*") if path.is_file()} == before


def test_one_problem_is_one_line(dataset, capsys):
    remove_mask(dataset)
    error = refusal(capsys, "-d", "110")
    assert error.startswith("error: ")
    assert error.count("\n") == 1


def test_several_bad_files_are_listed_together(dataset, capsys):
    expected = break_shape(dataset) + break_image(dataset) + cut_image_short(dataset)
    message = refusal(capsys, "-d", "110", "--no-report")
    assert all(text in message for text in expected), message


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["-d", "111"], "id 111, found none"),
        (["-d", "110", "--device", "gpu"], "--device gpu"),
        (["-d", "110", "--class-weights", "tumor=1"], "expected label=weight"),
        (["-d", "110", "--class-weights", "0=-1"], "0 or more"),
        (["-d", "110", "--workers", "-1"], "0 or more"),
        (["--domain", "A=none"], "none: no such folder"),
        (["--domain", "none"], "expected NAME=IMAGES"),
        ([], "required"),
        (["-d", "110", "--domain", "A=x"], "not allowed with"),
    ],
)
def test_unusable_arguments_are_reported(dataset, capsys, arguments, reason):
    assert reason in refusal(capsys, *arguments)


def test_an_output_that_is_a_file_is_refused_before_measuring(dataset, tmp_path, capsys):
    (tmp_path / "file").touch()
    message = refusal(capsys, "-d", "110", "--output", str(tmp_path / "file"))
    assert "cannot be written" in message
    assert "measuring" not in message


def run_script(folder, *arguments, **environment):
    """Run the file itself from another folder, isolated from our installed packages."""
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | environment
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_file_runs_from_any_folder_and_writes_there(dataset, tmp_path):
    arguments = as_domains(dataset, "harbor", "meadow")
    (tmp_path / "here").mkdir()
    done = run_script(tmp_path / "here", *arguments)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "here").iterdir()} == FILES


def test_it_needs_no_installation(tmp_path):
    """A copy of the folder s1 alone, with only third-party packages on the path."""
    shutil.copytree(SCRIPT.parent, tmp_path / "s1", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "images").mkdir()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "images" / "x.png")
    code = f"import sys, runpy; sys.argv[1:] = {['--domain', f'A={tmp_path}/images']!r}; "
    code += "sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in str(f).lower()]; "
    code += f"runpy.run_path({str(tmp_path / 's1' / 'PRISMDD.py')!r}, run_name='__main__'); "
    code += f"assert sys.modules['s1'].__file__.startswith({str(tmp_path)!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "prism_dd.json").exists()


def test_help_is_quick_and_loads_nothing_heavy():
    code = (
        "import sys, s1.PRISMDD as p; p.build_parser().format_help(); "
        "sys.exit(str([m for m in ('torch', 'numpy', 'matplotlib', 'PIL', 'scipy') if m in sys.modules] or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
    assert run_script(SCRIPT.parent, "--help").returncode == 0


def test_errors_belong_to_one_family():
    from s1 import errors

    family = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert len(family) >= 4
    assert all(issubclass(kind, DriftError) for kind in family)


@pytest.mark.real
@pytest.mark.parametrize("dataset_id", ["101", "102"])
def test_real_domains_give_small_shifts(real_data, tmp_path, monkeypatch, dataset_id):
    monkeypatch.setenv("nnUNet_raw", str(real_data))
    main(["-d", dataset_id, "--output", str(tmp_path)])
    result = read_prism_result(tmp_path / "prism_dd.json")
    assert max(abs(pair.outcome.shift) for pair in result.pairs) < 0.015
    assert sum(result.ratios.values()) == pytest.approx(1)


@pytest.mark.parametrize("part", ["imagesTr", "labelsTr"])
def test_the_result_does_not_go_among_images_or_masks(dataset, capsys, part):
    before = sorted((dataset / part).iterdir())
    message = refusal(capsys, "-d", "110", "--output", f"{dataset / part}")
    assert f"holds images or masks ({dataset.name}/{part})" in message
    assert sorted((dataset / part).iterdir()) == before


def test_the_result_does_not_go_into_a_folder_of_a_domain(dataset, capsys, tmp_path):
    pictures = tmp_path / "pictures"
    shutil.copytree(dataset / "imagesTr", pictures)
    message = refusal(
        capsys, "--domain", f"A={pictures}", "--domain", f"B={dataset / 'imagesTr'}", f"--output={pictures}"
    )
    assert f"holds images or masks ({pictures})" in message
