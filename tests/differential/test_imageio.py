"""Readers and writers compared with those of nnU-Net 2.8.1."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
import tifffile
from PIL import Image

from tests.differential.oracle import run_oracle, run_ours
from tests.differential.preprocessing_jobs import Call, is_same, results_of

SEED = int(os.environ.get("DRIFT_TEST_SEED", secrets.randbelow(10**6)))
"""New in each run, printed by the tests; DRIFT_TEST_SEED repeats a run."""

OBLIQUE = np.array([[0, -0.75, 0, 3], [0.5, 0, 0, 4], [0, 0, -2, 5], [0, 0, 0, 1.0]])
SHEARED = np.array([[1, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])


@pytest.fixture
def random() -> np.random.Generator:
    print(f"DRIFT_TEST_SEED={SEED}")  # noqa: T201
    return np.random.default_rng(SEED)


def write_natural_images(folder: Path, random: np.random.Generator) -> Iterator[str]:
    """Write one 2D file of each kind that nnU-Net reads, and some that it refuses; yield their names."""

    def pixels(*shape: int, dtype: type = np.uint8) -> np.ndarray:
        return random.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)

    images: dict[str, Any] = {
        "grey": pixels(7, 9),
        "rgb": pixels(7, 9, 3),
        "rgba": pixels(7, 9, 4),
        "grey_alpha": pixels(7, 9, 2),
        "bit": pixels(7, 9) > 128,
    }
    for name, array in images.items():
        for ending in ("png", "tif", "bmp"):
            if (name, ending) != ("grey_alpha", "bmp"):
                Image.fromarray(array).save(folder / f"{name}.{ending}")
                yield f"{name}.{ending}"
    for ending in ("png", "bmp", "tif"):
        Image.fromarray(pixels(7, 9, 3)).quantize(20).save(folder / f"palette.{ending}")
        yield f"palette.{ending}"
    for name, shape in (("grey16", (7, 9)), ("rgb16", (7, 9, 3)), ("rgba16", (7, 9, 4))):
        (folder / f"{name}.png").write_bytes(imagecodecs.png_encode(pixels(*shape, dtype=np.uint16)))
        yield f"{name}.png"
    in_palette = Image.fromarray(pixels(7, 9, 3)).quantize(20)
    in_palette.save(folder / "clear.png", transparency=in_palette.getpixel((4, 3)))  # an index that occurs
    Image.fromarray(pixels(7, 9) % 4).save(folder / "grey2.png", bits=2)
    Image.fromarray(pixels(7, 9, 3)).save(folder / "jpeg_inside.png", format="JPEG")
    Image.fromarray(pixels(7, 9, 3)).save(folder / "tiff_inside.png", format="TIFF")
    Image.fromarray(pixels(7, 9, 3)).convert("CMYK").save(folder / "cmyk.tif")
    yield from ("clear.png", "grey2.png", "jpeg_inside.png", "tiff_inside.png", "cmyk.tif")
    tiffs: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
        "grey16": (pixels(7, 9, dtype=np.uint16), {}),
        "float": (random.normal(size=(7, 9)).astype(np.float32), {}),
        "rgb16": (pixels(7, 9, 3, dtype=np.uint16), {"photometric": "rgb"}),
        "planar": (pixels(3, 7, 9), {"photometric": "rgb", "planarconfig": "separate"}),
        "stack": (pixels(5, 7, 9), {"photometric": "minisblack"}),
        "stack3": (pixels(3, 7, 9), {"photometric": "minisblack"}),
        "pages": (pixels(2, 7, 9, 3), {"photometric": "rgb"}),
        "one_page": (pixels(1, 7, 9), {"photometric": "minisblack"}),
        "large": (pixels(7, 9, 3), {"photometric": "rgb", "bigtiff": True}),
        "jpeg": (pixels(32, 48, 3), {"photometric": "ycbcr", "compression": "jpeg"}),
        "tiles": (pixels(32, 48, 3), {"photometric": "rgb", "compression": "jpeg", "tile": (16, 16)}),
        "rgba": (pixels(7, 9, 4), {"photometric": "rgb", "extrasamples": ["unassalpha"]}),
        "big_endian": (pixels(7, 9, dtype=np.uint16), {"byteorder": ">"}),
        "white_is_zero": (pixels(7, 9), {"photometric": "miniswhite"}),
        "half": (random.normal(size=(7, 9)).astype(np.float16), {}),
        "signed": (pixels(7, 9, dtype=np.int32), {}),
    }
    for name, (array, options) in tiffs.items():
        tifffile.imwrite(folder / f"{name}_.tif", array, **options)
        yield f"{name}_.tif"
    content = (folder / "rgb.png").read_bytes()
    (folder / "truncated.png").write_bytes(content[: len(content) // 2])
    (folder / "empty.png").touch()
    yield from ("truncated.png", "empty.png", "missing.png")


def write_volumes(folder: Path, random: np.random.Generator) -> Iterator[str]:
    """Write volumes of several formats, types, orientations and numbers of axes; yield their names."""
    array = random.integers(-300, 900, (4, 5, 6)).astype(np.int16)
    turned = np.eye(3)[random.permutation(3)] * random.choice([-1, 1], (3, 1))
    for ending in ("nrrd", "mha", "nii.gz", "gipl"):
        image = sitk.GetImageFromArray(array)
        image.SetSpacing((0.5, 0.75, 2.0))
        if ending != "gipl":
            image.SetDirection(turned.ravel())
        sitk.WriteImage(image, str(folder / f"volume.{ending}"))
        yield f"volume.{ending}"
    shapes = {
        "flat.nrrd": (5, 6),
        "flat.nii.gz": (5, 6),
        "slice.nii.gz": (1, 5, 6),
        "four.nii.gz": (2, 4, 5, 6),
        "one_in_four.nii.gz": (1, 4, 5, 6),
    }
    for name, shape in shapes.items():
        image = sitk.GetImageFromArray(random.normal(size=shape).astype(np.float32), isVector=False)
        image.SetSpacing((0.5, 0.25, 3.0, 1.0)[: len(shape)])
        sitk.WriteImage(image, str(folder / name))
        yield name
    large = random.integers(-(2**62), 2**62, (4, 5, 6))
    for name, values in (("int64.nrrd", large), ("double.nii", array / 7), ("big_endian.nii", array.astype(">i2"))):
        if name.endswith("nii"):
            nibabel.save(nibabel.Nifti1Image(values.T, OBLIQUE), folder / name)
        else:
            sitk.WriteImage(sitk.GetImageFromArray(values), str(folder / name))
        yield name
    for name, affine, scaling in (
        ("oblique.nii", OBLIQUE, None),
        ("scaled.nii.gz", OBLIQUE, (0.37, -4.0)),
        ("sheared.nii.gz", SHEARED, None),
    ):
        nifti = nibabel.Nifti1Image(array.T, affine)
        if scaling is not None:
            nifti.header.set_slope_inter(*scaling)
        if affine is SHEARED:
            nifti.set_qform(None, 0)
        nibabel.save(nifti, folder / name)
        yield name


def assert_equal_results(calls: list[Call], folder: Path) -> None:
    """Every call gives nnU-Net's result; where nnU-Net raises, ours raises the same class or a subclass."""
    stock, ours = (results_of(run, calls, folder) for run in (run_oracle, run_ours))
    for call, expected, got in zip(calls, stock, ours, strict=True):
        if isinstance(expected, list) and expected[-1] == "object":
            assert isinstance(got, list), f"{call}: nnU-Net raises {expected[0]}"
            assert expected[0] not in ("AssertionError", "RuntimeError") or expected[0] in got, (call, expected, got)
        else:
            assert is_same(got, expected), (call, expected, got)


TAGGED = {"palette.tif", "clear.png", "cmyk.tif", "white_is_zero_.tif"}
"""Files whose tags change what the pixels mean; nnU-Net ignores the tags (docs/compatibility.md)."""


def test_2d_images_are_read_alike(tmp_path: Path, random: np.random.Generator) -> None:
    names = [str(tmp_path / name) for name in write_natural_images(tmp_path, random) if name not in TAGGED]
    module = "imageio.natural_image_reader_writer"
    calls: list[Call] = [(module, "NaturalImage2DIO.read_images", ([name],), {}) for name in names]
    pairs = [("rgb.png", "rgba.png"), ("rgb.png", "rgb.bmp"), ("grey.png", "grey.tif"), ("rgb.png", "grey.png")]
    calls += [
        (module, "NaturalImage2DIO.read_images", ([str(tmp_path / name) for name in pair],), {}) for pair in pairs
    ]
    assert_equal_results(calls, tmp_path)


def test_nnunet_ignores_the_tags_that_we_follow(tmp_path: Path, random: np.random.Generator) -> None:
    names = [name for name in write_natural_images(tmp_path, random) if name in TAGGED]
    module = "imageio.natural_image_reader_writer"
    calls: list[Call] = [(module, "NaturalImage2DIO.read_images", ([str(tmp_path / name)],), {}) for name in names]
    stock, ours = (dict(zip(names, results_of(run, calls, tmp_path), strict=True)) for run in (run_oracle, run_ours))

    np.testing.assert_array_equal(ours["white_is_zero_.tif"][0], 255 - stock["white_is_zero_.tif"][0])
    assert stock["palette.tif"][0].shape == (1, 1, 7, 9)
    assert ours["palette.tif"][0].shape == (3, 1, 7, 9)
    for name in ("clear.png", "cmyk.tif"):
        assert stock[name][0].shape[1:] == (1, 7, 9)
        assert "UnfitImageError" in ours[name]


def test_grey_labels_are_read_alike(tmp_path: Path, random: np.random.Generator) -> None:
    readable = {"grey.png", "grey.tif", "grey.bmp", "grey16.png", "grey16_.tif", "bit.png", "bit.tif", "missing.png"}
    names = [str(tmp_path / name) for name in write_natural_images(tmp_path, random) if name in readable]
    module = "imageio.natural_image_reader_writer"
    assert_equal_results([(module, "NaturalImage2DIO.read_seg", (name,), {}) for name in names], tmp_path)


@pytest.mark.parametrize(
    ("module", "reader"),
    [
        ("simpleitk_reader_writer", "SimpleITKIO"),
        ("simpleitk_reader_writer", "SimpleITKIOWithReorient"),
        ("nibabel_reader_writer", "NibabelIO"),
        ("nibabel_reader_writer", "NibabelIOWithReorient"),
    ],
)
def test_volumes_are_read_alike(tmp_path: Path, random: np.random.Generator, module: str, reader: str) -> None:
    names = [str(tmp_path / name) for name in write_volumes(tmp_path, random)]
    if "Nibabel" in reader:
        names = [name for name in names if ".nii" in name]
    calls: list[Call] = [(f"imageio.{module}", f"{reader}.read_images", ([name],), {}) for name in names]
    calls += [(f"imageio.{module}", f"{reader}.read_seg", (name,), {}) for name in names]
    calls += [
        (f"imageio.{module}", f"{reader}.read_images", ([str(tmp_path / a), str(tmp_path / b)],), {})
        for a, b in (("oblique.nii", "oblique.nii"), ("oblique.nii", "scaled.nii.gz"), ("oblique.nii", "volume.nii.gz"))
    ]
    assert_equal_results(calls, tmp_path)


def test_tiff_stacks_are_read_alike(tmp_path: Path, random: np.random.Generator) -> None:
    for name, shape in (("a_0000", (4, 5, 6)), ("a_0001", (4, 5, 6)), ("b_0000", (5, 6)), ("c_0000", (4, 5, 7))):
        pixels = random.integers(0, 60000, shape).astype(np.uint16)
        tifffile.imwrite(tmp_path / f"{name}.tif", pixels, photometric="minisblack")
    (tmp_path / "a.json").write_text('{"spacing": [2, 0.5, 0.75]}')
    cases = [["a_0000"], ["a_0000", "a_0001"], ["b_0000"], ["c_0000"], ["a_0000", "c_0000"], ["d_0000"]]
    calls: list[Call] = [
        ("imageio.tif_reader_writer", "Tiff3DIO.read_images", ([str(tmp_path / f"{name}.tif") for name in case],), {})
        for case in cases
    ]
    calls.append(("imageio.tif_reader_writer", "Tiff3DIO.read_seg", (str(tmp_path / "c_0000.tif"),), {}))
    assert_equal_results(calls, tmp_path)


WRITTEN = (
    ("natural_image_reader_writer", "NaturalImage2DIO", "grey.png", "png"),
    ("natural_image_reader_writer", "NaturalImage2DIO", "grey.tif", "tif"),
    ("simpleitk_reader_writer", "SimpleITKIO", "volume.nii.gz", "nii.gz"),
    ("simpleitk_reader_writer", "SimpleITKIO", "flat.nrrd", "nrrd"),
    ("simpleitk_reader_writer", "SimpleITKIOWithReorient", "volume.nii.gz", "nii.gz"),
    ("nibabel_reader_writer", "NibabelIO", "oblique.nii", "nii.gz"),
    ("nibabel_reader_writer", "NibabelIOWithReorient", "oblique.nii", "nii.gz"),
    ("tif_reader_writer", "Tiff3DIO", "stack_.tif", "tif"),
)


def test_labels_are_written_alike(tmp_path: Path, random: np.random.Generator) -> None:
    list(write_natural_images(tmp_path, random))
    list(write_volumes(tmp_path, random))
    (tmp_path / "stack_.json").write_text('{"spacing": [2, 1, 1]}')
    reading: list[Call] = [
        (f"imageio.{module}", f"{writer}.read_seg", (str(tmp_path / source),), {})
        for module, writer, source, _ in WRITTEN
    ]
    writing: dict[str, list[Call]] = {"run_oracle": [], "run_ours": []}
    for index, (image, properties) in enumerate(results_of(run_ours, reading, tmp_path)):
        module, writer, _, ending = WRITTEN[index]
        for largest in (3, 254, 255, 299):
            if writer == "SimpleITKIOWithReorient" and largest > 254:
                continue  # nnU-Net writes 8 bits here, whatever the labels
            seg = random.integers(0, 3, image.shape[1:])
            seg.flat[7] = largest
            for name, calls in writing.items():
                target = str(tmp_path / f"{name}_{index}_{largest}.{ending}")
                calls.append((f"imageio.{module}", f"{writer}.write_seg", (seg, target, properties), {}))

    for run in (run_oracle, run_ours):
        answers = results_of(run, writing[run.__name__], tmp_path)
        assert answers == [None] * len(answers)

    for stock, ours in zip(writing["run_oracle"], writing["run_ours"], strict=True):
        written = [_content(call[2][1]) for call in (stock, ours)]
        assert is_same(*written), (ours, *written)


def _content(path: str) -> tuple[Any, ...]:
    """Return what other libraries read from a label file: values, type, geometry."""
    if path.endswith(".nii.gz"):
        nifti = nibabel.load(path)
        return np.asarray(nifti.dataobj), nifti.affine, str(nifti.get_data_dtype())
    if path.endswith(".nrrd"):
        image = sitk.ReadImage(path)
        return sitk.GetArrayFromImage(image), image.GetSpacing(), image.GetOrigin(), image.GetDirection()
    if path.endswith(".tif"):
        side_file = Path(path).with_suffix(".json")
        return tifffile.imread(path), side_file.read_text() if side_file.exists() else ""
    with Image.open(path) as photograph:
        return np.asarray(photograph), photograph.mode


def test_the_reader_for_an_ending_is_the_same(tmp_path: Path, random: np.random.Generator) -> None:
    flat, volumes = list(write_natural_images(tmp_path, random)), list(write_volumes(tmp_path, random))
    endings = [".png", ".PNG", ".bmp", ".tif", ".tiff", ".nii", ".nii.gz", ".nrrd", ".mha", ".gipl", ".webp", "png"]
    choose = "imageio.reader_writer_registry"
    function = "determine_reader_writer_from_file_ending"
    calls: list[Call] = [(choose, function, (ending, None, False, False), {}) for ending in endings]
    for file in (*(name for name in flat if name not in TAGGED), *volumes):
        ending = "." + file.split(".", 1)[1]
        calls.append((choose, function, (ending, str(tmp_path / file), False, False), {}))
    calls += [
        (choose, function, (".webp", str(tmp_path / file), True, False), {}) for file in flat if file != "cmyk.tif"
    ]
    stock, ours = (
        [found if isinstance(found, list) else found.__name__ for found in results_of(run, calls, tmp_path)]
        for run in (run_oracle, run_ours)
    )
    for call, expected, got in zip(calls, stock, ours, strict=True):
        assert got == expected or (isinstance(expected, list) and expected[0] in got), (call, expected, got)
