"""Images and masks find each other in the arrangements of folders that people have."""

from pathlib import Path

import pytest

from nnunetv2.dataset_conversion.image_folder_cases import TestImage
from nnunetv2.dataset_proposal.paired_cases import Pairing, pair_pictures

ROOT = Path("/data")


def pair(*paths: str, masks: str | None = None) -> Pairing:
    return pair_pictures([ROOT / path for path in paths], ROOT, ROOT / masks if masks else None)


@pytest.mark.parametrize(
    "paths",
    [
        ("images/a.png", "masks/a.png"),
        ("images/a.jpg", "masks/a_mask.png"),
        ("a.png", "a_seg.png"),
        ("img_a.png", "mask_a.png"),
        ("tissue images/a.png", "label masks/a.png"),
        ("x/images/a.png", "y/masks/a.png"),
    ],
)
def test_an_image_finds_its_mask(paths: tuple[str, str]) -> None:
    pairing = pair(*paths)
    assert [(case.pair.image, case.pair.mask) for case in pairing.cases] == [(ROOT / paths[0], ROOT / paths[1])]
    assert (pairing.problems, pairing.notes) == ([], [])


def test_equal_names_in_several_hospitals_get_their_folders_before_them() -> None:
    pairing = pair("n h/images/1.png", "n h/masks/1.png", "s/images/1.png", "s/masks/1.png")
    assert [(case.name, case.place) for case in pairing.cases] == [("n_h_1", ("n h",)), ("s_1", ("s",))]
    assert pairing.problems == []


def test_further_words_in_the_names_of_folders_for_images_keep_no_hospital_from_its_masks() -> None:
    files = [f"{h}/{folder}/1.png" for h in "ns" for folder in ("HE images", "masks by AB")]
    pairing = pair(*files)
    assert [(case.pair.image.parts[2], case.pair.mask.parts[2]) for case in pairing.cases] == [("n", "n"), ("s", "s")]
    assert (pairing.problems, pairing.tests) == ([], {})


def test_images_whose_masks_are_not_certain_are_no_tests() -> None:
    pairing = pair("a/images/1.png", "b/images/1.png", "x/masks/1.png", "y/masks/1.png")
    assert (pairing.cases, pairing.tests) == ([], {})
    assert len(pairing.problems) == 4


def test_tiles_that_qupath_exports_get_plain_names() -> None:
    pairing = pair("n/s 1 [d=2,x=0,y=9,w=9,h=9].png", "n/s 1 [d=2,x=0,y=9,w=9,h=9]-labelled.png")
    assert [case.name for case in pairing.cases] == ["s_1_d_2_x_0_y_9_w_9_h_9"]
    assert pairing.problems == []


def test_files_without_a_partner_are_problems_that_say_what_to_do() -> None:
    pairing = pair("images/a.png", "masks/a.png", "images/b.png", "masks/c.png")
    assert [(Path(p.where).name, p.what) for p in pairing.problems] == [
        ("b.png", "no mask for this image"),
        ("c.png", "no image for this mask"),
    ]
    assert all("same name" in problem.fix for problem in pairing.problems)


def test_two_masks_of_one_image_are_no_choice_of_ours() -> None:
    pairing = pair("images/a.png", "masks/a.png", "masks/a_mask.png", "images/b.png", "masks/b.png")
    assert [case.name for case in pairing.cases] == ["b"]
    assert pairing.problems[0].what == "it is not clear which mask belongs to this image: masks/a.png, masks/a_mask.png"
    assert len(pairing.problems) == 3


def test_pictures_of_another_kind_beside_images_are_left_out_with_a_word() -> None:
    pairing = pair("images/a.png", "masks/a.png", "thumbnails/a2.png")
    assert [case.name for case in pairing.cases] == ["a"]
    assert pairing.problems == []
    assert "1 other pictures without a mask are left out" in pairing.notes[0]


def test_folders_for_testing_are_tests_with_and_without_masks() -> None:
    tests = ("test/images/b.png", "test/masks/b.png", "test/images/c.png", "test/masks/d.png")
    pairing = pair("train/images/a.png", "train/masks/a.png", *tests)
    assert [case.name for case in pairing.cases] == ["a"]
    assert pairing.tests == {
        "b": TestImage(ROOT / "test/images/b.png", ROOT / "test/masks/b.png"),
        "c": TestImage(ROOT / "test/images/c.png"),
    }
    assert [(Path(p.where).name, p.what) for p in pairing.problems] == [("d.png", "no image for this mask")]


@pytest.mark.parametrize("new", ["n/new images/b.png", "unlabelled/b.png", "unlabelled images/b.png", "s/images/b.png"])
def test_folders_of_images_without_any_mask_are_tests(new: str) -> None:
    pairing = pair("n/images/a.png", "n/masks/a.png", new)
    assert pairing.tests == {"b": TestImage(ROOT / new)}
    assert (pairing.problems, pairing.notes) == ([], [])


def test_images_are_no_tests_where_masks_of_other_names_wait_for_them() -> None:
    pairing = pair("n/images/a.png", "n/masks/a.png", "s/images/b.png", "s/masks/c.png")
    assert pairing.tests == {}
    assert [Path(problem.where).name for problem in pairing.problems] == ["b.png", "c.png"]


def test_a_folder_of_masks_may_be_given_where_names_say_nothing() -> None:
    pairing = pair("he/a.png", "out/a.png", masks="out")
    assert [(case.name, case.pair.mask) for case in pairing.cases] == [("a", ROOT / "out/a.png")]


@pytest.mark.parametrize(
    ("paths", "what"),
    [
        ((), "no images (.png, .tif, .bmp, .jpg)"),
        (("a.png", "b.png"), "images, but no masks"),
        (("masks/a.png",), "only masks, no images"),
    ],
)
def test_a_folder_without_pairs_is_one_problem(paths: tuple[str, ...], what: str) -> None:
    pairing = pair(*paths)
    assert [problem.what for problem in pairing.problems] == [what]
    assert pairing.cases == []


def test_two_images_of_one_name_are_named() -> None:
    pairing = pair("images/A.png", "masks/A.png", "other/images/a.png", "other/masks/a.png")
    assert [case.name for case in pairing.cases] == ["A", "other_a"]
