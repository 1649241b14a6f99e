"""Small copies of the pictures of slides, for a page."""

import io
import warnings
from pathlib import Path

LARGEST_SHOWN_PX = 512
_LARGEST_READ_PX = 4096 * 8192
_QUALITY = 85


def small_picture(candidates: list[Path], largest: int = LARGEST_SHOWN_PX) -> bytes | None:
    """Return the first picture that can be read as JPEG, at most `largest` pixels wide and high; None without any."""
    return next((found for file in candidates if file.is_file() and (found := _shrunk(file, largest))), None)


def _shrunk(file: Path, largest: int) -> bytes | None:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=["PNG"]) as picture:
                if picture.width * picture.height > _LARGEST_READ_PX:
                    return None
                shown = picture.convert("RGB")
    except Exception:  # whatever a damaged file makes the decoder raise
        return None
    shown.thumbnail((largest, largest), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    shown.save(stream, format="JPEG", quality=_QUALITY)
    return stream.getvalue()
