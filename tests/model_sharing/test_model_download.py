"""Downloading from a server of our own in this process: complete files only, every failure is one error."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from tqdm import tqdm

from nnunetv2.errors import ArchiveError, DownloadError, SettingsError
from nnunetv2.model_sharing import model_download
from nnunetv2.model_sharing.model_download import download_and_install_from_url, download_file
from tests.conftest import NnunetFolders
from tests.model_sharing.factories import DATASET, files_below, model_name, write_zip

FILES: dict[str, bytes | str] = {f"{DATASET}/{model_name()}/plans.json": b"plans" * 1000}


class Answers(BaseHTTPRequestHandler):
    """Answers by path; `content` is the zip file."""

    content = b""

    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/model.zip")
            self.end_headers()
        elif self.path == "/empty":
            self.send_response(204)
            self.end_headers()
        elif self.path in ("/model.zip", "/no-length", "/negative", "/short", "/a%20b.zip", "/page"):
            self._send_content()
        else:
            self.send_error(404)

    def _send_content(self) -> None:
        body = b"<html>" if self.path == "/page" else self.content
        self.send_response(200)
        if self.path != "/no-length":
            length = len(body) + (50 if self.path == "/short" else 0)
            self.send_header("Content-Length", "-1" if self.path == "/negative" else str(length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(Answers, "content", write_zip(tmp_path / "served.zip", FILES).read_bytes())
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "downloads").mkdir()
    return tmp_path / "downloads"


@pytest.fixture(params=[False, True])
def progress_bar(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A progress bar that counts, or none, as with TQDM_DISABLE=1, which tqdm reads when it is imported."""
    monkeypatch.setattr(model_download, "byte_bar", lambda total, description: tqdm(total=total, disable=request.param))


@pytest.mark.usefixtures("progress_bar")
@pytest.mark.parametrize("path", ["model.zip", "no-length", "negative", "moved", "a b.zip", "a%20b.zip"])
def test_a_file_arrives_as_it_was_sent(server: str, folder: Path, path: str) -> None:
    target = str(folder / "here.zip")
    assert download_file(f"{server}/{path}", target, chunk_size=100) == target
    assert files_below(folder) == {"here.zip": Answers.content}


@pytest.mark.parametrize(
    ("path", "reason"), [("absent", "404 Not Found"), ("short", "broke off after"), ("empty", "204 No Content")]
)
def test_a_failed_download_leaves_what_was_there(server: str, folder: Path, path: str, reason: str) -> None:
    (folder / "here.zip").write_bytes(b"older")
    with pytest.raises(DownloadError, match=reason) as caught:
        download_file(f"{server}/{path}", str(folder / "here.zip"))
    assert f"{server}/{path}" in str(caught.value)
    assert files_below(folder) == {"here.zip": b"older"}


@pytest.mark.usefixtures("progress_bar")
@pytest.mark.parametrize("path", ["no-length", "negative"])
def test_a_server_that_names_no_size_cannot_fill_the_disk(
    server: str, folder: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(model_download, "LARGEST_UNANNOUNCED_BYTES", len(Answers.content) - 1)
    with pytest.raises(DownloadError, match=r"does not say how large the file is, and more than \d+ bytes came"):
        download_file(f"{server}/{path}", str(folder / "here.zip"), chunk_size=100)
    monkeypatch.setattr(model_download, "LARGEST_UNANNOUNCED_BYTES", len(Answers.content))
    monkeypatch.setattr(model_download.shutil, "disk_usage", lambda _: SimpleNamespace(free=len(Answers.content)))
    with pytest.raises(DownloadError, match="and more than"):
        download_file(f"{server}/{path}", str(folder / "here.zip"))
    assert files_below(folder) == {}


@pytest.mark.parametrize("url", ["model.zip", "file:///etc/hostname", "ftp://host/x.zip", "http://", "http://[bad/x"])
def test_what_is_no_web_address_is_refused(folder: Path, url: str) -> None:
    with pytest.raises(DownloadError):
        download_file(url, str(folder / "here.zip"))
    assert files_below(folder) == {}


def test_a_server_that_does_not_answer_is_an_os_error_as_in_nnunet(server: str, folder: Path) -> None:
    unused = f"http://127.0.0.1:{_free_port()}/model.zip"
    with pytest.raises(OSError, match="refused"):
        download_file(unused, str(folder / "here.zip"))


def _free_port() -> int:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as closed:
        return int(closed.server_port)


def test_a_downloaded_model_is_installed_and_the_zip_file_removed(server: str, nnunet_folders: NnunetFolders) -> None:
    download_and_install_from_url(f"{server}/model.zip")
    assert files_below(nnunet_folders.results) == FILES
    assert [path.name for path in nnunet_folders.results.iterdir()] == [DATASET]


def test_a_web_page_is_no_model(server: str, nnunet_folders: NnunetFolders) -> None:
    with pytest.raises(ArchiveError, match=rf"{server}/page: not a zip file"):
        download_and_install_from_url(f"{server}/page")
    assert list(nnunet_folders.results.iterdir()) == []


def test_nothing_is_downloaded_without_a_results_folder() -> None:
    with pytest.raises(SettingsError, match="nnUNet_results is not defined"):
        download_and_install_from_url("http://127.0.0.1:1/model.zip")
