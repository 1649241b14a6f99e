import pytest

from s1.file_endings import label_ending


@pytest.mark.parametrize("ending", [".png", ".tif", ".nii.gz", ".PNG"])
def test_labels_have_the_ending_of_the_images(ending: str) -> None:
    assert label_ending(ending) == ending


@pytest.mark.parametrize("ending", [".jpg", ".jpeg", ".JPG"])
def test_labels_of_jpeg_images_are_png_files(ending: str) -> None:
    assert label_ending(ending) == ".png"
