"""Fetch a zip file of models over HTTP and install it."""

import http.client
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nnunetv2.errors import DownloadError
from nnunetv2.foundation.files import make_folder, replacing
from nnunetv2.foundation.late_names import late_names
from nnunetv2.model_sharing.model_import import InstalledModel, install_archive
from nnunetv2.model_sharing.zip_archive import PathLike, byte_bar, require_free_space
from nnunetv2.paths import nnUNet_results
from s1.partial_files import partial_folder

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(__name__, {"nnunetv2.model_sharing.model_import": ("install_model_from_zip_file",)})

_TIMEOUT_SECONDS = 100
_MAY_STAY = "!#$%&'()*+,/:;=?@[]~"
"""Characters of a URL that are not quoted, so that a quoted URL stays as it is."""
LARGEST_UNANNOUNCED_BYTES = 32 * 10**9
"""Most that is taken from a server that does not say how much will come."""


def download_and_install_from_url(url: str, overwrite: bool | None = None) -> None:
    """Download a zip file of models and install it; the downloaded file is removed in every case.

    Parameters:
        overwrite: as for `install_model_from_zip_file`.
    """
    download_and_install(url, overwrite)


def download_and_install(url: str, overwrite: bool | None) -> list[InstalledModel]:
    """Download and install; return the models."""
    results = make_folder(nnUNet_results.require(), "nnUNet_results")
    with partial_folder(results) as folder:
        return install_archive(download_file(url, str(folder / "model.zip")), url, overwrite)


def download_file(url: str, local_filename: str, chunk_size: int | None = 8192 * 16) -> str:
    """Fetch an http(s) URL into a file, which appears only when it is complete, and return the file's name.

    Raises DownloadError, an OSError, if there is no such thing or the connection breaks off.
    """
    with _answer_of(url) as answer, replacing(local_filename) as temporary, temporary.open("wb") as stream:
        _receive(answer, stream, url, temporary.parent, chunk_size or 8192 * 16)
    return local_filename


@contextmanager
def _answer_of(url: str) -> Iterator[Any]:
    import urllib.error
    import urllib.request
    from urllib.parse import quote

    if not url.lower().startswith(("http://", "https://")):
        raise DownloadError(f"{url!r} is no URL; expected http://... or https://...")
    headers = {"User-Agent": "nnunetv2", "Accept-Encoding": "identity"}
    try:
        request = urllib.request.Request(quote(url, safe=_MAY_STAY), headers=headers)
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
            if answer.status != http.HTTPStatus.OK:
                raise DownloadError(f"{url}: the server answers {answer.status} {answer.reason}")
            yield answer
    except urllib.error.HTTPError as error:
        error.close()
        raise DownloadError(f"{url}: the server answers {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise DownloadError(f"{url}: {error.reason}") from None
    except (ValueError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise DownloadError(f"{url}: {str(error) or type(error).__name__}") from None


def _receive(answer: Any, stream: Any, url: str, folder: PathLike, chunk_size: int) -> None:
    """Copy an answer's body, which has to be as long as its header says, if it says so, and never fills the disk."""
    header = answer.headers.get("Content-Length")
    length = int(header) if header is not None and int(header) >= 0 else None
    require_free_space(folder, length or 0)
    most = _most_bytes(folder) if length is None else length
    received = 0  # a bar that is switched off counts nothing
    with byte_bar(length, "downloading") as bar:
        while received <= most and (chunk := answer.read(chunk_size)):
            stream.write(chunk)
            received += len(chunk)
            bar.update(len(chunk))
    if length is None and received > most:
        raise DownloadError(
            f"{url}: the server does not say how large the file is, and more than {most} bytes came; fetch it with"
            " another program and install it with nnUNetv2_install_pretrained_model_from_zip"
        )
    if length is not None and received != length:
        raise DownloadError(f"{url}: the connection broke off after {received} of {length} bytes; try again")


def _most_bytes(folder: PathLike) -> int:
    """Return the most bytes of unknown number: half of the free space, since they will be unpacked."""
    return min(LARGEST_UNANNOUNCED_BYTES, shutil.disk_usage(folder).free // 2)
