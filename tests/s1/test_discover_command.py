"""`--discover` from outside."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s1.domain_files import read_domain_map
from s1.image_features import THUMBNAILS
from s1.PRISMDD import main
from tests.s1.refused_command import refusal
from tests.s1.test_discrepancy_report import Structure
from tests.seen_pages import in_a_browser, problems_of

FILES = {"domains_proposed.json", "domains_proposed.html"}
COLOURS = {"lilac": (150, 90, 160), "pink": (230, 150, 180)}


@pytest.fixture
def folders(tmp_path):
    """Two folders of nine images each, of different colours, as arguments of --domain."""
    rng = np.random.default_rng(0)
    arguments = []
    for name, colour in COLOURS.items():
        (tmp_path / name).mkdir()
        for number in range(9):
            image = np.clip(rng.normal(colour, 8, (40, 40, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(image).save(tmp_path / name / f"{name}_{number}_0000.png")
        arguments += ["--domain", f"{name}={tmp_path / name}"]
    return arguments


@pytest.fixture
def dataset(folders, tmp_path, nnunet_folders):
    """The same images as a raw dataset without domains.json."""
    made = Path(nnunet_folders.raw) / "Dataset111_Colours"
    (made / "imagesTr").mkdir(parents=True)
    for name in COLOURS:
        for file in (tmp_path / name).iterdir():
            shutil.copy(file, made / "imagesTr")
    (made / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "x": 1}, "file_ending": ".png"}))
    return made


def test_a_dataset_without_domains_gets_a_proposal_that_can_be_used_as_domains_json(dataset, capsys):
    main(["-d", "111", "--discover", "2"])
    proposed = read_domain_map(dataset / "domains_proposed.json")
    groups = {frozenset(case.split("_")[0] for case in cases) for cases in proposed.domains.values()}
    assert groups == {frozenset(["lilac"]), frozenset(["pink"])}
    assert not (dataset / "domains.json").exists()
    output = capsys.readouterr().out
    assert "silhouette score" in output
    assert "Rand" not in output
    shutil.copy(dataset / "domains_proposed.json", dataset / "domains.json")
    main(["-d", "111", "--no-report"])


def test_the_page_shows_every_image_as_a_point_and_pictures_of_every_domain(folders, tmp_path):
    main([*folders, "--discover", "2", "--output", str(tmp_path / "out")])
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    page = (tmp_path / "out" / "domains_proposed.html").read_text()
    structure = Structure()
    structure.feed(page)
    assert structure.open == []
    assert page.count("<circle") == 18
    assert len(structure.links) == 2 * THUMBNAILS
    assert all(link.startswith("data:") for link in structure.links)
    assert "Adjusted Rand index with the declared domains: 1.00" in page
    assert "lilac_3" in page


def test_without_a_number_those_tried_stand_on_the_page(folders, tmp_path, capsys):
    for name in COLOURS:
        for number in range(9, 20):
            shutil.copy(tmp_path / name / f"{name}_{number % 9}_0000.png", tmp_path / name / f"{name}_{number}.png")
    main([*folders, "--discover", "--output", str(tmp_path / "out")])
    page = (tmp_path / "out" / "domains_proposed.html").read_text()
    assert "Number of domains" in page
    assert "<td>2</td>" in page
    assert "adjusted Rand index 1.00" in capsys.readouterr().out


def test_without_report_only_the_proposal_is_written(dataset):
    before = {path.name for path in dataset.iterdir()}
    main(["-d", "111", "--discover", "--no-report", "--workers", "0"])
    assert {path.name for path in dataset.iterdir()} == before | {"domains_proposed.json"}


@pytest.mark.parametrize("name", sorted(FILES))
def test_nothing_is_overwritten_and_no_image_is_read_first(dataset, capsys, name):
    (dataset / name).write_text("mine")
    message = refusal(capsys, "-d", "111", "--discover")
    assert f"{name}: exists" in message
    assert "looking" not in message
    assert (dataset / name).read_text() == "mine"
    assert not [path for path in dataset.iterdir() if path.name in FILES - {name}]


def test_a_known_domain_file_is_compared_with_and_left_alone(dataset, capsys):
    content = json.dumps({"domains": {c: [f"{c}_{i}" for i in range(9)] for c in COLOURS}})
    (dataset / "domains.json").write_text(content)
    main(["-d", "111", "--discover", "2", "--no-report"])
    assert "adjusted Rand index 1.00" in capsys.readouterr().out
    assert (dataset / "domains.json").read_text() == content


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--discover", "0"], "expected 1 or more domains"),
        (["--discover", "many"], "expected a whole number"),
        (["--discover", "19"], "there are 18 images"),
        (["--discover", "--crop-common"], "cannot be combined with --crop-common"),
        (["--discover", "--ignore-label", "0"], "cannot be combined with --ignore-label"),
    ],
)
def test_mistakes_are_reported_and_nothing_is_written(dataset, capsys, arguments, message):
    before = sorted(dataset.iterdir())
    error = refusal(capsys, "-d", "111", *arguments)
    assert message in error
    assert "Traceback" not in error
    assert sorted(dataset.iterdir()) == before


def test_an_unreadable_image_is_one_line_and_nothing_is_written(dataset, capsys):
    (dataset / "imagesTr" / "pink_3_0000.png").write_bytes(b"no image")
    error = refusal(capsys, "-d", "111", "--discover").splitlines()[-1]
    assert error.startswith("error: ")
    assert "pink_3_0000.png" in error
    assert not [path for path in dataset.iterdir() if path.name in FILES]


def test_the_same_case_in_two_folders_is_refused(folders, tmp_path, capsys):
    shutil.copy(tmp_path / "pink" / "pink_0_0000.png", tmp_path / "lilac")
    assert "has the same case name; rename one" in refusal(capsys, *folders, "--discover")


@pytest.mark.real
@pytest.mark.parametrize(
    ("dataset_id", "number", "index"), [("101", "3", 0.99), ("102", "4", 0.99), ("102", None, 0.8)]
)
def test_real_domains_are_found(real_data, tmp_path, monkeypatch, capsys, dataset_id, number, index):
    monkeypatch.setenv("nnUNet_raw", str(real_data))
    main(["-d", dataset_id, "--discover", *([number] if number else []), "--output", str(tmp_path), "--no-report"])
    line = next(line for line in capsys.readouterr().out.splitlines() if "Rand" in line)
    assert float(line.split()[3]) >= index


@in_a_browser
def test_the_page_is_readable_in_a_browser(folders, tmp_path):
    main([*folders, "--discover", "2", "--output", str(tmp_path / "out")])
    assert problems_of((tmp_path / "out" / "domains_proposed.html").read_text(), tmp_path) == []
