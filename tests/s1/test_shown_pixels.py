"""Every kind of image file in stage 1, training and `drift convert`: read as viewers show it, or refused by name."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnunetv2.dataset_conversion.image_folder_cases import Pair, convert_pair
from nnunetv2.errors import UnfitImageError
from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO
from s1.errors import ImageProblemError
from s1.image_files import image_size, read_image
from s1.shown_pixels import read_shown_labels
from tests.s1.image_kinds import (
    COLOURS,
    FEW,
    GREY,
    KINDS,
    Save,
    as_viewers_show,
    orientation,
    packed_tiff,
    save,
    tiff,
    turned_by,
    with_palette,
)


def read_for_training(path: Path) -> np.ndarray:
    channels = NaturalImage2DIO().read_images([str(path)])[0][:, 0]
    return channels[0] if len(channels) == 1 else channels[:3].transpose(1, 2, 0)


def read_converted(path: Path, tag: int) -> np.ndarray:
    """Convert a pair with a mask of the same orientation tag, and read the PNG file."""
    folder = path.parent / "converted"
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    mask = path.parent / "mask.png"
    turned_by(tag, FEW)(mask)
    problems = convert_pair(Pair(path, mask), "x", folder, {}).problems
    if problems:
        raise ImageProblemError("\n".join(problems))
    with Image.open(folder / "imagesTr" / "x_0000.png") as image:
        return np.asarray(image)


def read_with(reader: str, path: Path, name: str) -> np.ndarray:
    if reader == "conversion":
        return read_converted(path, int(name[-1]) if "orientation" in name else 1)
    return read_image(path) if reader == "stage 1" else read_for_training(path)


@pytest.mark.parametrize("reader", ["training", "stage 1", "conversion"])
@pytest.mark.parametrize("name", KINDS)
def test_a_file_is_read_as_viewers_show_it_or_refused_by_name(tmp_path: Path, name: str, reader: str) -> None:
    kind = KINDS[name]
    path = tmp_path / f"x{kind.ending}"
    kind.write(path)
    refused = kind.refused or ("" if reader == "training" else kind.only_training)
    refused = refused or (kind.stage_1 if reader == "stage 1" else "")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if refused:
            with pytest.raises(ImageProblemError, match=rf"^[^\n]*x\{kind.ending}: [^\n]*{refused}[^\n]*$"):
                read_with(reader, path, name)
            return
        pixels = read_with(reader, path, name)
    expected = as_viewers_show(path)
    if pixels.ndim == 2 and expected.ndim == 3:
        assert (expected == expected[..., :1]).all(), "a coloured picture was read as grey"
        expected = expected[..., 0]
    assert pixels.shape == expected.shape
    tolerance = 2 if "JPEG" in name else 0  # decoders round differently
    assert np.abs(pixels.astype(float) - expected.astype(float)).max() <= tolerance
    assert [str(w.message) for w in caught if "16-bit colours" in str(w.message)] != [] if kind.warns else not caught


@pytest.mark.parametrize("name", [name for name in KINDS if "orientation" in name])
def test_the_size_is_that_of_the_image_as_shown(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"x{KINDS[name].ending}"
    KINDS[name].write(path)
    assert image_size(path) == as_viewers_show(path).shape[:2]


MASKS: dict[str, tuple[str, Save, np.ndarray | str]] = {
    "grey PNG": (".png", save(Image.fromarray(FEW)), FEW),
    "16-bit PNG": (".png", save(Image.fromarray(FEW.astype(np.uint16) * 300)), FEW.astype(np.uint16) * 300),
    "black-and-white PNG": (".png", save(Image.fromarray(FEW > 1)), FEW > 1),
    "palette PNG": (".png", save(with_palette(FEW, COLOURS)), FEW),
    "palette PNG with a transparent background": (".png", save(with_palette(FEW, COLOURS), transparency=0), FEW),
    "palette PNG of other greys": (
        ".png",
        save(with_palette(FEW, [(0,) * 3, (85,) * 3, (9,) * 3, (4,) * 3])),
        "palette",
    ),
    "grey saved as RGB": (".png", save(Image.fromarray(np.dstack([FEW] * 3))), FEW),
    "grey saved as opaque RGBA": (".png", save(Image.fromarray(np.dstack([FEW] * 3 + [FEW * 0 + 255]))), FEW),
    "grey saved as RGBA with alpha": (".png", save(Image.fromarray(np.dstack([FEW] * 4))), "transparent pixels"),
    "colours": (".png", save(Image.fromarray(np.dstack([FEW, FEW, FEW + 1]))), "one value per pixel"),
    "turned PNG": (".png", turned_by(6, FEW), np.rot90(FEW, -1)),
    "JPEG": (".jpg", save(Image.fromarray(FEW)), "JPEG file, which changes the values of labels"),
    "JPEG named PNG": (".png", save(Image.fromarray(FEW), format="JPEG"), "JPEG file"),
    "grey TIFF": (".tif", tiff(FEW, photometric="minisblack"), FEW),
    "4-bit TIFF": (".tif", packed_tiff(FEW, 4, photometric="minisblack"), FEW),
    "turned TIFF": (".tif", tiff(FEW, extratags=orientation(3)), FEW[::-1, ::-1]),
    "palette TIFF": (".tif", save(with_palette(FEW, COLOURS)), FEW),
    "palette TIFF of other greys": (".tif", save(with_palette(FEW, [(9 * i + 9,) * 3 for i in range(4)])), "palette"),
    "TIFF, zero is white": (".tif", tiff(FEW, photometric="miniswhite"), "0 is white"),
    "black-and-white TIFF, zero is white": (".tif", tiff(FEW > 1, photometric="miniswhite"), "0 is white"),
    "TIFF with JPEG inside": (".tif", tiff(FEW, photometric="minisblack", compression="jpeg"), "compressed as JPEG"),
    "CMYK TIFF": (".tif", save(Image.fromarray(np.dstack([FEW] * 3)).convert("CMYK")), "print"),
    "RGB TIFF": (".tif", tiff(np.dstack([FEW, FEW, FEW + 1]), photometric="rgb"), "one value per pixel"),
}


@pytest.mark.parametrize("name", MASKS)
def test_masks_are_label_numbers_or_refused_where_these_are_in_doubt(tmp_path: Path, name: str) -> None:
    ending, write, expected = MASKS[name]
    path = tmp_path / f"x{ending}"
    write(path)
    if isinstance(expected, str):
        with pytest.raises(UnfitImageError, match=rf"x\{ending}: [^\n]*{expected}"):
            read_shown_labels(path)
    else:
        np.testing.assert_array_equal(read_shown_labels(path).pixels, expected)


def test_a_large_picture_is_read_without_changing_pillows_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for name in ("PNG, RGB", "JPEG, RGB", "BMP, RGB", "TIFF, RGB", "PNG, palette"):
        path = tmp_path / f"x{KINDS[name].ending}"
        KINDS[name].write(path)
        assert read_image(path).shape[:2] == GREY.shape
        assert image_size(path) == GREY.shape
    read_shown_labels(tmp_path / "x.png")
    assert Image.MAX_IMAGE_PIXELS == 100


def test_a_jpeg_with_a_preview_shows_its_first_picture(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    Image.fromarray(GREY).save(path, format="MPO", save_all=True, append_images=[Image.fromarray(255 - GREY)])
    assert np.abs(read_image(path).astype(int) - as_viewers_show(path)).max() <= 2


def test_a_damaged_orientation_tag_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.fromarray(GREY).save(path, exif=b"Exif\0\0no TIFF header at all")
    np.testing.assert_array_equal(read_image(path), GREY)
