import pytest

from s1.errors import ImageProblemError
from s1.image_pairs import find_pairs


def folder_with(tmp_path, name, *files):
    folder = tmp_path / name
    folder.mkdir()
    for file in files:
        (folder / file).touch()
    return folder


def test_images_with_and_without_channel_number_find_masks_of_any_ending(tmp_path):
    images = folder_with(tmp_path, "images", "a_0000.png", "b.JPG", "c_0000.tif", "notes.txt", ".hidden.png")
    masks = folder_with(tmp_path, "masks", "a.png", "b.tiff", "c_0000.png", "unused.png")
    pairs = [(pair.image.name, pair.mask.name) for pair in find_pairs(images, masks)]
    assert pairs == [("a_0000.png", "a.png"), ("b.JPG", "b.tiff"), ("c_0000.tif", "c_0000.png")]


def test_without_mask_folder_there_are_no_masks(tmp_path):
    images = folder_with(tmp_path, "images", "a.png")
    assert [pair.mask for pair in find_pairs(images, None)] == [None]


def test_missing_and_ambiguous_masks_are_listed_together(tmp_path):
    images = folder_with(tmp_path, "images", "a.png", "b.png", "c.png", "c_0000.png")
    masks = folder_with(tmp_path, "masks", "b.png", "b.tif", "c.png")
    with pytest.raises(ImageProblemError) as caught:
        find_pairs(images, masks)
    message = str(caught.value)
    assert "a.png: expected one mask named a" in message
    assert "found b.png and b.tif" in message
    assert "c_0000.png: its mask c.png also belongs to c.png" in message


@pytest.mark.parametrize("files", [None, [], ["text.txt"]])
def test_a_missing_or_empty_folder_is_named(tmp_path, files):
    folder = tmp_path / "images" if files is None else folder_with(tmp_path, "images", *files)
    with pytest.raises(ImageProblemError, match=r"images: (no such folder|contains no image)"):
        find_pairs(folder, None)
