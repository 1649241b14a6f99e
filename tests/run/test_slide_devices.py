"""A process for each device: their answers, their deaths, and what is no device."""

import argparse
import logging
import signal
from typing import Any

import pytest

from nnunetv2.errors import CaseFailedError, SettingsError
from nnunetv2.run import slide_devices
from nnunetv2.run.slide_devices import device_names, work_on_devices


class FakeProcess:
    """Stands for a process that has run already."""

    exitcode = -signal.SIGKILL

    def __init__(self) -> None:
        self.happened: list[str] = []

    def join(self, timeout: float | None = None) -> None:
        self.happened.append("waited for")

    def terminate(self) -> None:
        self.happened.append("asked to end")

    def kill(self) -> None: ...


def fake_processes(
    monkeypatch: pytest.MonkeyPatch, *answers: Any, messages: tuple[str, ...] = (), started: list[Any] | None = None
) -> list[str]:
    """Let each process that is started give the next answer, None by dying; return the devices that are asked.

    Parameters:
        messages: what each says before.
        started: gets the processes.
    """
    from multiprocessing import Pipe

    asked: list[str] = []
    coming = list(answers)

    def start(threads: int, has_children: bool) -> tuple[FakeProcess, Any]:
        assert has_children
        ours, theirs = Pipe()
        answer = coming.pop(0)
        send = ours.send

        class Connection:
            """The parent's end, which notes what is asked."""

            fileno, recv, close = ours.fileno, ours.recv, ours.close

            @staticmethod
            def send(message: Any) -> None:
                asked.append(message[0])
                send(message)
                for text in messages:
                    theirs.send((None, slide_devices._Message(logging.INFO, text)))
                if answer is not None:
                    theirs.send(answer)
                theirs.close()

        process = FakeProcess()
        (started if started is not None else []).append(process)
        return process, Connection()

    monkeypatch.setattr(slide_devices, "start_process", start)
    return asked


def on_cpu(number: int) -> argparse.Namespace:
    return argparse.Namespace(device="cpu", devices=list(range(number)))


def test_problems_of_all_processes_are_gathered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = fake_processes(monkeypatch, (True, ["a: damaged"]), (True, ["a: damaged", "b: empty"]))
    assert sorted(work_on_devices(on_cpu(2), [], {})) == ["a: damaged", "b: empty"]
    assert asked == ["cpu", "cpu"]


def test_a_process_that_dies_is_replaced_once(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    asked = fake_processes(monkeypatch, None, (True, []))
    assert work_on_devices(on_cpu(1), [], {}) == []
    assert len(asked) == 2
    assert "killed by signal SIGKILL" in caplog.text
    fake_processes(monkeypatch, None, None)
    (problem,) = work_on_devices(on_cpu(1), [], {})
    assert "for the second time; run the command again" in problem


def test_what_several_processes_say_is_said_once_and_by_the_parent(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    fake_processes(monkeypatch, (True, []), (True, []), messages=("a: done", "b: done"))
    assert work_on_devices(on_cpu(2), [], {}) == []
    assert sorted(record.getMessage() for record in caplog.records) == ["a: done", "b: done"]


def test_a_process_hands_its_messages_to_the_parent_instead_of_showing_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[Any] = []

    def work(*_: Any) -> list[str]:
        logging.getLogger("nnunetv2.pathology").info("%s: done", "a")
        logging.getLogger("nnunetv2.run").warning("a: pale")
        return ["b: cut off"]

    monkeypatch.setattr(slide_devices, "tell_parent", told.append)
    monkeypatch.setattr(slide_devices, "work_on_slides", work)
    monkeypatch.setattr(slide_devices.tqdm, "set_lock", lambda _: None)
    assert slide_devices._work("cpu", on_cpu(1), [], {}) == ["b: cut off"]
    assert [(news.level, news.text) for news in told] == [(logging.INFO, "a: done"), (logging.WARNING, "a: pale")]
    assert capsys.readouterr() == ("", "")


def test_a_process_that_has_answered_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[FakeProcess] = []
    fake_processes(monkeypatch, (True, []), started=started)
    work_on_devices(on_cpu(1), [], {})
    assert started[0].happened[:2] == ["waited for", "asked to end"]


def test_an_error_that_is_no_slide_s_ends_all(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_processes(monkeypatch, (False, CaseFailedError("cpu", "no such model")))
    with pytest.raises(CaseFailedError, match="no such model"):
        work_on_devices(on_cpu(1), [], {})


def test_devices_that_are_absent_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slide_devices.torch.cuda, "device_count", lambda: 2)
    chosen = argparse.Namespace(device=None, devices=[0, 1])
    assert device_names(chosen) == ["cuda:0", "cuda:1"]
    with pytest.raises(SettingsError, match="--devices 2: torch finds 2 CUDA devices"):
        device_names(argparse.Namespace(device="cuda", devices=[0, 2]))
    for device in ("cuda", "cpu"):
        with pytest.raises(SettingsError, match="--devices -1: expected numbers of devices, from 0"):
            device_names(argparse.Namespace(device=device, devices=[0, -1]))
    with pytest.raises(SettingsError, match="one mps device"):
        device_names(argparse.Namespace(device="mps", devices=[0]))
