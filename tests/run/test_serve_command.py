"""`drift serve` before the first request: addresses, names, and what is missing."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nnunetv2.errors import SettingsError
from nnunetv2.run.serve_command import allowed_hosts, listening, serve_entry

OWN = ["localhost", "127.0.0.1", "[::1]"]


@pytest.mark.parametrize(
    ("host", "more", "expected"),
    [
        ("127.0.0.1", [], OWN),
        ("127.0.0.7", [], OWN),
        ("localhost", [], OWN),
        ("::1", [], OWN),
        ("0.0.0.0", [], ["*"]),
        ("::", [], ["*"]),
        ("0.0.0.0", ["model.example"], ["model.example", *OWN]),
        ("example", [], ["*"]),
    ],
)
def test_a_server_of_this_computer_is_called_by_its_own_names_only(
    host: str, more: list[str], expected: list[str]
) -> None:
    assert allowed_hosts(host, more) == expected


def test_a_name_with_a_star_within_is_one_line() -> None:
    assert allowed_hosts("0.0.0.0", ["*.example.com", "*"]) == ["*.example.com", "*", *OWN]
    for name in ("a*b", "*b", "*.*.c"):
        with pytest.raises(SettingsError, match=r"--allowed_host \S+: expected a name"):
            allowed_hosts("127.0.0.1", [name])


def test_an_address_that_cannot_be_had_is_named() -> None:
    with listening("127.0.0.1", 0) as taken, pytest.raises(SettingsError, match=r"port \d+: Address already in use; "):
        listening("127.0.0.1", taken.getsockname()[1])
    with pytest.raises(SettingsError, match="--port is 70000, expected"):
        listening("127.0.0.1", 70000)


def test_without_the_extra_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, run_command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    run_command(serve_entry, "model", exit_code=2)
    message = "error: drift serve needs fastapi and uvicorn: pip install nnunetv2[serve]\n"
    assert capsys.readouterr().err == message


def test_a_wrong_limit_and_a_missing_model_are_one_line(
    tmp_path: Path, run_command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("fastapi")
    run_command(serve_entry, "model", "--queue", 0, exit_code=2)
    assert capsys.readouterr().err == "error: requests is 0, expected a whole number of 1 or more\n"
    run_command(serve_entry, tmp_path / "absent", "--port", 0, "-device", "cpu", exit_code=2)
    assert "absent" in capsys.readouterr().err
