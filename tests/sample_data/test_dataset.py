import json

import numpy as np
import pytest
from PIL import Image

from s1.domain_files import read_domain_map, read_groups
from s1.domain_map import check_domain_cases
from sample_data.__main__ import main
from sample_data.dataset import DatasetSettings, draw_case, plan_cases

SMALL = ["--cases-per-domain", "4", "--held-out-per-domain", "2", "--size", "64"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    raw = tmp_path_factory.mktemp("raw")
    main(["--output", str(raw), "--dataset-id", "7", *SMALL])
    return raw / "Dataset007_SyntheticTissue"


def test_the_layout_is_nnunets(dataset):
    description = json.loads((dataset / "dataset.json").read_text())
    assert description == {
        "channel_names": {"0": "R", "1": "G", "2": "B"},
        "labels": {"background": 0, "tumor": 1, "stroma": 2},
        "numTraining": 12,
        "file_ending": ".png",
    }
    for part, count in (("Tr", 12), ("Ts", 6)):
        cases = sorted(path.name[: -len("_0000.png")] for path in (dataset / f"images{part}").iterdir())
        assert len(cases) == count
        assert cases == sorted(path.stem for path in (dataset / f"labels{part}").iterdir())


def test_images_are_rgb_and_labels_are_class_numbers_of_the_same_shape(dataset):
    for image_file in (dataset / "imagesTr").iterdir():
        label_file = dataset / "labelsTr" / image_file.name.replace("_0000", "")
        with Image.open(image_file) as image, Image.open(label_file) as labels:
            assert (image.mode, labels.mode) == ("RGB", "L")
            assert image.size == labels.size == (64, 64)
            assert np.asarray(labels).max() <= 2


def test_domain_files_match_the_cases_and_no_slide_is_partly_held_out(dataset):
    training, held_out = read_domain_map(dataset / "domains.json"), read_domain_map(dataset / "domains_test.json")
    for domain_map, part in ((training, "labelsTr"), (held_out, "labelsTs")):
        check_domain_cases(domain_map, [path.stem for path in (dataset / part).iterdir()], part)
    assert training.names == held_out.names
    groups = read_groups(dataset / "groups.json")
    assert set(groups) == set(training.domain_by_case)
    slides = {case.slide for case in plan_cases(DatasetSettings(4, 2, 64)) if case.is_held_out}
    assert slides.isdisjoint(groups.values())
    assert len(set(groups.values())) < len(groups)


def test_the_same_seed_gives_the_same_pixels_and_another_seed_others():
    case = plan_cases(DatasetSettings(size_px=64))[0]
    first, again = (draw_case(case, DatasetSettings(size_px=64, seed=3)) for _ in range(2))
    other = draw_case(case, DatasetSettings(size_px=64, seed=4))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


def test_drawing_does_not_touch_the_global_random_state():
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    draw_case(plan_cases(DatasetSettings(size_px=48))[0], DatasetSettings(size_px=48))
    assert np.array_equal(before, np.random.get_state()[1])


def test_colour_alone_does_not_separate_the_classes():
    """The best classifier of single-pixel colours, fitted on these very tiles, does far worse than context allows."""
    settings = DatasetSettings(cases_per_domain=3, held_out_per_domain=0, size_px=192)
    drawn = [draw_case(case, settings) for case in plan_cases(settings)]
    colours = np.concatenate([(image.reshape(-1, 3) // 16) @ [256, 16, 1] for image, _ in drawn])
    labels = np.concatenate([labels.ravel() for _, labels in drawn])
    counts = np.zeros((4096, 3))
    np.add.at(counts, (colours, labels), 1)
    guess = counts.argmax(1)[colours]
    dice = [2 * np.sum((guess == c) & (labels == c)) / (np.sum(guess == c) + np.sum(labels == c)) for c in (0, 1, 2)]
    assert dice[0] > 0.9
    assert max(dice[1], dice[2]) < 0.85


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [(["--size", "8"], "size_px is 8"), (["--cases-per-domain", "0"], "cases_per_domain is 0")],
)
def test_unusable_numbers_are_one_line_and_exit_code_2(tmp_path, capsys, arguments, reason):
    with pytest.raises(SystemExit) as caught:
        main(["--output", str(tmp_path / "raw"), *arguments])
    assert caught.value.code == 2
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "raw").exists()


def test_an_existing_dataset_is_left_alone(dataset, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--output", str(dataset.parent), "--dataset-id", "7", *SMALL])
    assert caught.value.code == 2
    assert "already exists" in capsys.readouterr().err


def test_without_an_output_folder_the_command_says_what_is_missing(capsys):
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
    assert "nnUNet_raw" in capsys.readouterr().err
