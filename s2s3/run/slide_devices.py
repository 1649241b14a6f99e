"""Predicts slides on several devices of this computer: one process for each, which share the slides by claims."""

import argparse
import logging
import multiprocessing.connection
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch
from tqdm import tqdm

from nnunetv2.errors import SettingsError
from nnunetv2.foundation.command_line import messages_as_lines
from nnunetv2.foundation.worker_process import describe_exit, start_process, tell_parent
from nnunetv2.pathology.prediction.archive import Marks
from nnunetv2.pathology.slides.slide_list import SlideEntry
from nnunetv2.run.slide_worker import work_on_slides
from s1.cpus import usable_cpus

_ENDS_WITHIN_S = 30.0
_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Child:
    """A process, the device that it has, and whether it stands in for one that died."""

    device: str
    process: Any
    connection: Any
    is_second: bool = False


def device_names(arguments: argparse.Namespace) -> list[str]:
    """Return the devices of `--devices` for torch; on the CPU, so many times that. Raises SettingsError."""
    if arguments.device == "mps":
        raise SettingsError("--devices: expected -device cuda or cpu; there is one mps device only")
    negative = [index for index in arguments.devices if index < 0]
    if negative:
        raise SettingsError(f"--devices {negative[0]}: expected numbers of devices, from 0")
    if arguments.device == "cpu":
        return ["cpu"] * len(arguments.devices)
    found = torch.cuda.device_count()
    absent = [index for index in arguments.devices if index >= found]
    if absent:
        raise SettingsError(
            f"--devices {' '.join(map(str, absent))}: torch finds {found} CUDA devices, numbered from 0"
        )
    return [f"cuda:{index}" for index in arguments.devices]


def work_on_devices(arguments: argparse.Namespace, entries: Sequence[SlideEntry], before: Marks) -> list[str]:
    """Predict slides on all devices until none is left; return a line for each problem.

    What the processes have to say is said here, once. A process that dies is replaced once. Raises the first error that
    is not a slide's, after which all are ended.
    """
    names = device_names(arguments)
    threads = max(1, usable_cpus() // len(names))
    task = (arguments, entries, before)
    children = [_start(name, threads, task) for name in names]
    problems: list[str] = []
    said: set[str] = set()
    try:
        while children:
            for child in _those_with_news(children):
                news = _news(child)
                if isinstance(news, _Message):
                    _say_once(news, said)
                    continue
                children.remove(child)
                answer = _answer(child, news)
                if answer is not None:
                    problems += answer
                elif child.is_second:
                    problems.append(
                        f"{child.device}: {_how_it_ended(child)} for the second time; run the command again"
                    )
                else:
                    _log.warning("%s: %s; it is replaced", child.device, _how_it_ended(child))
                    children.append(_start(child.device, threads, task, is_second=True))
    finally:
        _end(children)
    return list(dict.fromkeys(problems))


def _start(device: str, threads: int, task: tuple[Any, ...], is_second: bool = False) -> _Child:
    process, connection = start_process(threads, has_children=True)
    with suppress(ConnectionError):  # dead already, as its missing answer will tell
        connection.send((device, _work, (device, *task)))
    return _Child(device, process, connection, is_second)


def _work(device: str, arguments: argparse.Namespace, entries: Sequence[SlideEntry], before: Marks) -> list[str]:
    """Predict slides in a process of one device."""
    tqdm.set_lock(threading.RLock())  # its own would be reported as leaked if this process were killed
    with messages_as_lines(), _messages_to_parent():
        return work_on_slides(arguments, entries, torch.device(device), before)


def _those_with_news(children: Sequence[_Child]) -> list[_Child]:
    ready = multiprocessing.connection.wait([child.connection for child in children])
    return [child for child in children if child.connection in ready]


@dataclass(frozen=True)
class _Message:
    """A log record of a process."""

    level: int
    text: str


class _Parent(logging.Handler):
    """Hands messages to the parent process."""

    def emit(self, record: logging.LogRecord) -> None:
        tell_parent(_Message(record.levelno, record.getMessage()))


@contextmanager
def _messages_to_parent() -> Iterator[None]:
    """Let the parent process say what the package has to say, instead of this one."""
    logger = logging.getLogger("nnunetv2")
    before, logger.handlers = logger.handlers, [_Parent()]
    try:
        yield
    finally:
        logger.handlers = before


def _say_once(message: _Message, said: set[str]) -> None:
    """Log a message unless it was already: each process looks at all slides."""
    if message.text not in said:
        said.add(message.text)
        _log.log(message.level, "%s", message.text)


def _news(child: _Child) -> "_Message | tuple[bool, Any] | None":
    """Return what a process sends, a message or its answer; None if it died."""
    try:
        succeeded, content = child.connection.recv()
    except (EOFError, OSError):
        return None
    return content if succeeded is None else (succeeded, content)


def _answer(child: _Child, news: tuple[bool, Any] | None) -> list[str] | None:
    """Return the problems that a process reports, which ends by itself then; None if it died. Raises its error."""
    child.connection.close()
    child.process.join(_ENDS_WITHIN_S)
    _end([child])
    if news is None:
        return None
    succeeded, answer = news
    if not succeeded:
        raise answer
    problems: list[str] = answer
    return problems


def _how_it_ended(child: _Child) -> str:
    return describe_exit(child.process.exitcode)


def _end(children: Sequence[_Child]) -> None:
    """Ask processes to end, which gives their slides back; kill those that do not."""
    for child in children:
        child.connection.close()
        child.process.terminate()
    for child in children:
        child.process.join(_ENDS_WITHIN_S)
        child.process.kill()
        child.process.join()
