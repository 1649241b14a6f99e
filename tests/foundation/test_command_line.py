"""What a command leaves behind for the shell: one line and an exit code."""

import contextlib
import errno
import logging
import os
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from threading import Thread

import pytest

from nnunetv2.errors import CaseFailedError, DatasetError, MissingFileError
from nnunetv2.foundation.command_line import command


@pytest.fixture(autouse=True)
def _own_handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def raising(error: BaseException) -> Callable[[], None]:
    def entry() -> None:
        raise error

    return command(entry)


def code_of(entry: Callable[[], None]) -> object:
    with pytest.raises(SystemExit) as caught:
        entry()
    return caught.value.code


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (MissingFileError("plans not found: /a"), "error: plans not found: /a\n"),
        (DatasetError("2 problems", ["x", "y"]), "error: 2 problems\n  x\n  y\n"),
        (PermissionError(errno.EACCES, "Permission denied", "/a"), "error: /a: Permission denied\n"),
        (CaseFailedError("a", "KeyError: 1", "Traceback: bug\n"), "Traceback: bug\nerror: case a: KeyError: 1\n"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(error: Exception, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(raising(error)) == 2
    assert capsys.readouterr().err == text


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        raising(ZeroDivisionError())()


def test_ctrl_c_is_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == "\ninterrupted\n"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_ends_in_order_with_128_and_its_number(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    number = getattr(signal, name)
    signal.signal(number, signal.SIG_DFL)  # tests may run where it is ignored
    tidied = []

    def entry() -> None:
        try:
            os.kill(os.getpid(), number)
            time.sleep(10)
        finally:
            tidied.append(name)

    assert code_of(command(entry)) == 128 + number
    assert tidied == [name]
    assert capsys.readouterr().err == f"\nstopped by signal {name}\n"


def test_a_signal_is_reported_once_by_commands_that_call_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    inner = command(lambda: os.kill(os.getpid(), signal.SIGTERM))

    assert code_of(command(inner)) == 143
    assert capsys.readouterr().err == "\nstopped by signal SIGTERM\n"


@pytest.mark.filterwarnings("default")
def test_log_records_and_warnings_are_lines_while_a_command_runs(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("nnunetv2")
    before = logger.level, logger.handlers, warnings.showwarning

    def entry() -> None:
        logging.getLogger("nnunetv2.somewhere").info("%d cases", 3)
        logging.getLogger("nnunetv2.somewhere").warning("no spacing")
        warnings.warn("old plans", stacklevel=1)
        raise MissingFileError("gone")

    assert code_of(command(command(entry))) == 2
    shown = capsys.readouterr()
    assert shown.out == "3 cases\n"
    assert shown.err == "warning: no spacing\nwarning: old plans\nerror: gone\n"
    assert (logger.level, logger.handlers, warnings.showwarning) == before


def test_a_command_under_nohup_outlives_its_terminal() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    command(lambda: os.kill(os.getpid(), signal.SIGHUP))()
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_exit_codes_of_the_entry_itself_pass() -> None:
    assert code_of(raising(SystemExit(0))) == 0
    assert code_of(raising(SystemExit(2))) == 2


def test_a_command_runs_in_a_thread_too() -> None:
    done = []
    thread = Thread(target=command(lambda: done.append(True)))
    thread.start()
    thread.join()
    assert done == [True]


@pytest.mark.parametrize("value", ["abc", "4,2", "0", "-1", "1.5"])
def test_a_number_of_threads_that_libraries_cannot_read_is_one_line(
    value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert code_of(command(lambda: None)) == 2
    assert capsys.readouterr().err == (
        f"error: OMP_NUM_THREADS is {value!r}, expected one whole number of threads, 1 or more\n"
    )


@pytest.mark.parametrize("value", ["1", " 2 ", ""])
def test_a_number_of_threads_or_none_is_accepted(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    command(lambda: None)()


@pytest.mark.parametrize("entry", [lambda: None, lambda: os.kill(os.getpid(), signal.SIGTERM)], ids=["done", "stopped"])
def test_a_host_program_finds_its_signal_handlers_as_they_were(entry: Callable[[], None]) -> None:
    handlers = {number: lambda *_: None for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in handlers.items():
        signal.signal(number, handler)
    with contextlib.suppress(SystemExit):
        command(entry)()
    assert {number: signal.getsignal(number) for number in handlers} == handlers
