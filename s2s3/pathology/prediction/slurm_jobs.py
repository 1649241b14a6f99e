"""Runs the same work in many jobs of a Slurm cluster, through submitit."""

import math
import re
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnunetv2.errors import ArgumentError, SettingsError
from nnunetv2.foundation.files import make_folder

JOBS_FOLDER = ".jobs"
_OF_SUBMITIT = ("timeout_min", "mem_gb", "nodes", "cpus_per_task", "gpus_per_node", "tasks_per_node", "name")
_DAY_MIN = 24 * 60
_GB, _GB_PER_READER = 8.0, 0.5
"""Of a job, beside what sums and pixels of a slide may take: Python, torch, the model and the files being written."""
_OTHER_NAMES = {
    "timeout_min": ("slurm_time",),
    "mem_gb": ("slurm_mem", "slurm_mem_per_cpu", "slurm_mem_per_gpu"),
    "cpus_per_task": ("slurm_cpus_per_gpu",),
    "gpus_per_node": ("slurm_gpus_per_task", "slurm_num_gpus", "slurm_gres"),
}
"""Default option -> other ones that say the same."""
_TIMES = ("timeout_min", *_OTHER_NAMES["timeout_min"])
_NOTICE, _NOTICE_S = "slurm_signal_delay_s", 600
"""How long before its end a job is told, in which it finishes a band."""
_SHORT_MIN = 60
"""Up to which time submitit's own notice of 90 s is kept."""
_TIMEOUTS = "slurm_max_num_timeout"
_MOST_TIMEOUTS = 1000
"""How often a job is queued again after its time was up: each time it goes on, and ends when no slide is left."""
_OPTION = re.compile(r"([a-z][a-z_]*)=(\S+)")
_ASKING = ("SIGTERM", "SIGUSR2")
"""Signals of a job that is to end: of `scancel`, and before a time limit or another job that takes its place."""


class StopRequested(BaseException):
    """Slurm asks the job to end."""


@dataclass(frozen=True)
class SlurmWork:
    """A function with its arguments that a job runs, also a second time after it had to make room for others."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]

    def __call__(self) -> Any:
        """Run it."""
        return self.function(*self.arguments)

    def checkpoint(self) -> Any:
        """Return the job that goes on; the finished bands are on disk."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def slurm_options(given: Sequence[str]) -> dict[str, Any]:
    """Return the options of `--slurm K=V ..` for submitit. Raises ArgumentError for another form."""
    options = {}
    for text in given:
        match = _OPTION.fullmatch(text)
        if match is None:
            raise ArgumentError(f"--slurm {text}: expected NAME=VALUE, for example partition=gpu or time=240")
        name, value = match.groups()
        key = name if name in _OF_SUBMITIT or name.startswith("slurm_") else f"slurm_{name}"
        options[key] = int(value) if value.isascii() and value.isdigit() else value
    return options


def with_defaults(given: Mapping[str, Any], readers: int, memory_gb: float, has_gpu: bool) -> dict[str, Any]:
    """Return options with those that nobody gave: a day, ten minutes' notice, CPUs and memory, and a GPU.

    Parameters:
        readers: processes that read.
        memory_gb: what sums and pixels of a slide may take.
    """
    defaults: dict[str, Any] = {
        "timeout_min": _DAY_MIN,
        "mem_gb": math.ceil(_GB + _GB_PER_READER * readers + memory_gb),
        "cpus_per_task": readers + 1,
        **({"gpus_per_node": 1} if has_gpu else {}),
    }
    wanted = {key: value for key, value in defaults.items() if not set(_OTHER_NAMES[key]) & set(given)}
    minutes = next((given[key] for key in _TIMES if key in given), _DAY_MIN)
    is_long = isinstance(minutes, int) and minutes > _SHORT_MIN
    return {**wanted, **({_NOTICE: _NOTICE_S} if is_long else {}), **given}


def submit(work: SlurmWork, output: Path, jobs: int, options: Mapping[str, Any]) -> list[str]:
    """Start one array of equal jobs, whose logs are in `.jobs` of the output folder, and return their names.

    Raises SettingsError without submitit or Slurm, or if Slurm refuses.
    """
    if jobs < 1:
        raise ArgumentError(f"--jobs {jobs}: expected 1 or more")
    try:
        import submitit
    except ImportError:
        raise SettingsError("--engine slurm needs submitit: pip install nnunetv2[cluster]") from None
    folder = output / JOBS_FOLDER
    if folder.is_symlink():
        raise SettingsError(f"{folder} is a link, expected a folder: remove it, nothing is written outside {output}")
    make_folder(folder, "the folder of the jobs' logs")
    try:
        timeouts = {_TIMEOUTS: options.get(_TIMEOUTS, _MOST_TIMEOUTS)}
        executor = submitit.AutoExecutor(folder=folder, cluster="slurm", **timeouts)
        others = {key: value for key, value in options.items() if key != _TIMEOUTS}
        executor.update_parameters(**{"slurm_array_parallelism": jobs, **others})
        with executor.batch():
            started = [executor.submit(work) for _ in range(jobs)]
    except (RuntimeError, NameError, ValueError, OSError, submitit.core.utils.FailedJobError) as error:
        raise SettingsError(f"--engine slurm: {' '.join(str(error).split())}") from None
    return [str(job.job_id) for job in started]


@contextmanager
def stopping_in_order() -> Iterator[Callable[[], None]]:
    """Yield a function that raises StopRequested if Slurm asked for an end; at the end, let submitit start it again."""
    received: list[int] = []
    numbers = [getattr(signal, name) for name in _ASKING if hasattr(signal, name)]
    before = {number: signal.signal(number, lambda number, _: received.append(number)) for number in numbers}

    def check() -> None:
        if received:
            raise StopRequested(signal.Signals(received[0]).name)

    try:
        with suppress(StopRequested):
            yield check
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for number in received:
        handler = before[number]
        if callable(handler):
            handler(number, None)
