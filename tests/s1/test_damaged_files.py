"""Cut-off files and wrong checksums: stage 1, the readers and the conversion judge a file alike."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import tifffile
from PIL import Image

from nnunetv2.dataset_conversion.image_folder_cases import Pair, convert_pair
from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO
from nnunetv2.imageio.nibabel_reader_writer import NibabelIO
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
from s1.damaged_files import require_whole
from s1.errors import ImageProblemError
from s1.image_files import read_image, read_image_and_mask
from tests.odd_files import KINDS, make_odd

PICTURES = ("a.png", "a.bmp", "a.jpg", "plain.tif", "packed.tif", "tiled.tif")
VOLUMES = ("a.nii", "a.nii.gz", "plain.nrrd", "packed.nrrd", "plain.mha", "packed.mha", "a.gipl")
WITH_CHECKSUM = ("a.png", "packed.tif", "a.nii.gz", "packed.nrrd", "packed.mha")
SIDE_PX = 48


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file of each format, with noise, so that no byte is superfluous."""
    folder = tmp_path_factory.mktemp("whole")
    pixels = np.random.default_rng(1).integers(0, 256, (SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    for name in ("a.png", "a.bmp", "a.jpg"):
        Image.fromarray(pixels).save(folder / name)
    tifffile.imwrite(folder / "plain.tif", pixels, photometric="rgb")
    tifffile.imwrite(folder / "packed.tif", pixels, photometric="rgb", compression="zlib")
    tifffile.imwrite(folder / "tiled.tif", pixels, photometric="rgb", compression="lzw", tile=(16, 16))
    volume = sitk.GetImageFromArray(np.random.default_rng(2).integers(0, 999, (9, 9, 9)).astype(np.int16))
    for name in VOLUMES:
        sitk.WriteImage(volume, str(folder / name), useCompression="packed" in name)
    return folder


def readers_of(name: str) -> list[Callable[[Path], object]]:
    if name in PICTURES:
        return [read_image, lambda path: NaturalImage2DIO().read_images([str(path)])]
    readers: list[Callable[[Path], object]] = [lambda path: SimpleITKIO().read_images([str(path)])]
    return readers + ([lambda path: NibabelIO().read_images([str(path)])] if ".nii" in name else [])


def refusals(path: Path, name: str) -> list[str]:
    found = []
    for read in readers_of(name):
        with pytest.raises(ImageProblemError) as caught:
            read(path)
        found.append(str(caught.value))
    return found


@pytest.mark.parametrize("name", PICTURES + VOLUMES)
def test_a_whole_file_is_read(whole: Path, name: str) -> None:
    require_whole(whole / name)
    for read in readers_of(name):
        read(whole / name)


@pytest.mark.parametrize("lost", [1, 4, 10, 0.5])
@pytest.mark.parametrize("name", PICTURES + VOLUMES)
def test_a_file_that_lacks_its_end_is_refused_by_every_reader(
    whole: Path, tmp_path: Path, name: str, lost: float
) -> None:
    content = (whole / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(content[: int(len(content) * lost) if lost < 1 else -int(lost)])
    assert all(message.startswith(f"{path}: ") for message in refusals(path, name))


@pytest.mark.parametrize("place", [0.5, 0.8])
@pytest.mark.parametrize("name", WITH_CHECKSUM)
def test_a_changed_byte_is_noticed_where_the_format_has_a_checksum(
    whole: Path, tmp_path: Path, name: str, place: float
) -> None:
    content = bytearray((whole / name).read_bytes())
    content[int(len(content) * place)] ^= 0x55
    path = tmp_path / name
    path.write_bytes(content)
    assert all("damaged" in message for message in refusals(path, name))


def with_wrong_checksum(png: bytes) -> bytes:
    """Return a PNG whose pixels are in order, but not the checksum of their last part."""
    end = png.rindex(b"IEND") - 5
    return png[:end] + bytes([png[end] ^ 1]) + png[end + 1 :]


def test_stage_1_the_reader_and_the_conversion_say_the_same(whole: Path, tmp_path: Path) -> None:
    path, mask = tmp_path / "a.png", tmp_path / "mask.png"
    path.write_bytes(with_wrong_checksum((whole / "a.png").read_bytes()))
    Image.fromarray(np.zeros((SIDE_PX, SIDE_PX), np.uint8)).save(mask)
    said = {*refusals(path, "a.png"), *convert_pair(Pair(path, mask), "a", tmp_path, {}).problems}
    assert said == {f"{path}: is damaged (wrong checksum; {path.stat().st_size} bytes), copy or download it again"}


def test_masks_are_judged_like_images(tmp_path: Path) -> None:
    path, image = tmp_path / "mask.png", tmp_path / "image.png"
    for file in (path, image):
        Image.fromarray(np.eye(SIDE_PX, dtype=np.uint8)).save(file)
    path.write_bytes(with_wrong_checksum(path.read_bytes()))
    for read in (lambda: read_image_and_mask(image, path), lambda: NaturalImage2DIO().read_seg(str(path))):
        with pytest.raises(ImageProblemError, match="wrong checksum"):
            read()


def test_a_gzip_file_may_have_several_parts_and_other_bytes_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(b"one") + gzip.compress(b"two") + b"\0" * 100)
    require_whole(path)
    path.write_bytes(gzip.compress(b"one") + gzip.compress(b"two")[:-1])
    with pytest.raises(ImageProblemError, match="cut off"):
        require_whole(path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.nii.gz", "a.nrrd"])
def test_nobody_waits_for_what_is_no_file(tmp_path: Path, kind: str, name: str) -> None:
    path = make_odd(tmp_path / name, kind)
    assert all(
        KINDS[kind].split()[-1] in message for message in refusals(path, name if name != "a.tif" else "plain.tif")
    )
