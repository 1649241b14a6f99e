"""The installed packages that this one needs, with their exact versions, for a computer that has none of them."""

import re
from importlib import metadata

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_OF_TORCH = re.compile(r"nvidia-|cuda-|triton$")
"""torch names these itself, by platform."""


def locked_packages(distribution: str = "nnunetv2", with_itself: bool = False) -> list[str]:
    """Return `name==version` of all packages that a distribution needs, directly or not, sorted by name.

    Further packages that extras ask for are left out, and so are local labels of versions, such as `+cpu`.
    """
    own = _version(distribution) if with_itself else None
    versions: dict[str, str] = {} if own is None else {distribution.lower(): own}
    waiting = [distribution]
    while waiting:
        for name in _needed_by(waiting.pop()):
            version = _version(name)
            if version is not None and name not in versions:
                versions[name] = version
                waiting.append(name)
    return [f"{name}=={version}" for name, version in sorted(versions.items()) if not _OF_TORCH.match(name)]


def _needed_by(distribution: str) -> list[str]:
    lines = metadata.requires(distribution) or []
    names = (_NAME.match(line) for line in lines if not re.search(r"\bextra\s*==", line))
    return [re.sub(r"[-_.]+", "-", name[0]).lower() for name in names if name]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name).partition("+")[0]
    except metadata.PackageNotFoundError:
        return None
