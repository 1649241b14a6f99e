"""Read and check JSON, and write files atomically: to a temporary file that is renamed at the end."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from s1.errors import DomainMapError


@contextmanager
def replacing(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path in the target's folder; it is renamed to `target` on leaving without an error."""
    target = Path(target)
    handle, name = tempfile.mkstemp(prefix=".", suffix=f".partial{target.suffix}", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_current_umask())
        os.replace(temporary, target)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def _current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def json_bytes(content: Any) -> bytes:
    """Return `content` as indented UTF-8 JSON."""
    return (json.dumps(content, indent=4, ensure_ascii=False, allow_nan=False) + "\n").encode()


def write_json(content: Any, target: str | os.PathLike[str]) -> None:
    """Write `content` to `target` as indented UTF-8 JSON, atomically."""
    with replacing(target) as temporary:
        temporary.write_bytes(json_bytes(content))


def write_together(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files, given as name -> content, to a folder, which is created if needed.

    All are written to temporary files before the first is renamed, so that a full disk changes nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        for name, content in contents.items():
            stack.enter_context(replacing(folder / name)).write_bytes(content)


def read_json_object(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a file that contains one JSON object.

    Raises DomainMapError, naming the file, if it is missing, not JSON or not an object, or if an object repeats a key
    (plain JSON readers silently keep the last).
    """
    try:
        content = json.loads(Path(path).read_text("utf-8"), object_pairs_hook=_object_without_repeats)
    except FileNotFoundError:
        raise DomainMapError(f"{path}: no such file") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DomainMapError(f"{path}: not valid JSON ({error})") from None
    except DomainMapError as error:
        raise DomainMapError(f"{path}: {error}") from None
    if not isinstance(content, dict):
        raise DomainMapError(f"{path}: contains a {type(content).__name__}, expected a JSON object {{...}}")
    return content


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content:
            raise DomainMapError(f"the key {key!r} occurs twice in one object; keep one of them")
        content[key] = value
    return content
