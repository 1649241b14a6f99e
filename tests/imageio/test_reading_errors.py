from pathlib import Path

import pytest

from nnunetv2.errors import ImageProblemError, MissingFileError, UnfitImageError
from nnunetv2.imageio.reading_errors import reading


@pytest.fixture
def image(tmp_path: Path) -> str:
    path = tmp_path / "a.png"
    path.write_bytes(b"12345")
    return str(path)


@pytest.mark.parametrize("error", [OSError("truncated"), SyntaxError("truncated"), KeyError("truncated")])
def test_what_a_library_raises_names_the_file_its_size_and_the_reason(image: str, error: Exception) -> None:
    with (
        pytest.raises(
            ImageProblemError,
            match=rf"a\.png: cannot be read, .* \(5 bytes; {type(error).__name__}: '?truncated'?\)",
        ) as caught,
        reading(image),
    ):
        raise error
    assert caught.value.__cause__ is error


def test_only_the_last_line_of_a_long_reason_is_shown(image: str) -> None:
    with pytest.raises(ImageProblemError, match=r"RuntimeError: no magic number\)$"), reading(image):
        raise RuntimeError("in file reader.cxx, line 7\nno magic number\n")


def test_an_error_without_a_text_is_reported_too(image: str) -> None:
    with pytest.raises(ImageProblemError, match="EOFError: no reason given"), reading(image):
        raise EOFError


@pytest.mark.parametrize("error", [FileNotFoundError("a.png"), RuntimeError("a.png does not exist")])
def test_a_missing_file_is_one_whatever_is_raised(tmp_path: Path, error: Exception) -> None:
    with (
        pytest.raises(MissingFileError, match=r"image not found: .*missing\.png"),
        reading(str(tmp_path / "missing.png")),
    ):
        raise error


@pytest.mark.parametrize("error", [UnfitImageError("an animation"), MemoryError("8 GB"), KeyboardInterrupt()])
def test_errors_that_say_enough_pass_unchanged(image: str, error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, reading(image):
        raise error
    assert caught.value is error
