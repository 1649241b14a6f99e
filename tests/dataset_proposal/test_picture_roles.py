"""Names of folders and files tell images from masks, and which belong together."""

from pathlib import Path

import pytest

from nnunetv2.dataset_proposal.picture_roles import Role, place_picture

ROOT = Path("/data")


@pytest.mark.parametrize(
    ("path", "role", "place", "key"),
    [
        ("images/a.png", Role.IMAGE, (), "a"),
        ("masks/a.png", Role.MASK, (), "a"),
        ("north/images/a.png", Role.IMAGE, ("north",), "a"),
        ("images/north/a.png", Role.IMAGE, ("north",), "a"),
        ("labelsTr/a.png", Role.MASK, (), "a"),
        ("Ground Truth/a.png", Role.MASK, (), "a"),
        ("tissue_images/a.png", Role.IMAGE, ("tissue",), "a"),
        ("masks_north/a.png", Role.MASK, ("north",), "a"),
        ("north/a_mask.png", Role.MASK, ("north",), "a"),
        ("north/a-labelled.png", Role.MASK, ("north",), "a"),
        ("north/train_1_anno.bmp", Role.MASK, ("north",), "train_1"),
        ("images/a_mask.png", Role.MASK, (), "a"),
        ("images/label_free_1.png", Role.IMAGE, (), "free_1"),
        ("img_001.png", Role.IMAGE, (), "001"),
        ("mask_001.png", Role.MASK, (), "001"),
        ("north/a.png", Role.UNKNOWN, ("north",), "a"),
        ("train/images/a_0000.png", Role.IMAGE, (), "a"),
        ("test_hospital/a.png", Role.UNKNOWN, ("test_hospital",), "a"),
    ],
)
def test_a_path_says_what_a_picture_is(path: str, role: Role, place: tuple[str, ...], key: str) -> None:
    picture = place_picture(ROOT / path, ROOT)
    assert (picture.role, picture.place, picture.key, picture.held_out) == (role, place, key, False)


@pytest.mark.parametrize("path", ["test/images/a.png", "images_test/a.png", "imagesTs/a.png", "Testing/a.png"])
def test_folders_for_testing_are_known(path: str) -> None:
    assert place_picture(ROOT / path, ROOT).held_out


def test_the_name_of_a_case_is_that_of_its_image_without_a_channel() -> None:
    assert place_picture(ROOT / "images" / "Tile 07_0000.png", ROOT).case == "Tile 07"
