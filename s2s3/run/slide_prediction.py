"""`drift slide predict`: shares the slides among this process, several devices, or jobs of a cluster."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from nnunetv2.errors import ArgumentError, SlideError
from nnunetv2.foundation.command_line import messages_as_lines
from nnunetv2.inference.case_lists import check_part
from nnunetv2.inference.predict_folder import choose_device
from nnunetv2.pathology.prediction.archive import Marks, marks_of
from nnunetv2.pathology.prediction.predict_slides import begin_output, finish_output, slides_to_predict
from nnunetv2.pathology.prediction.slurm_jobs import SlurmWork, slurm_options, stopping_in_order, submit, with_defaults
from nnunetv2.pathology.slides.reader_process import MOST_READERS
from nnunetv2.pathology.slides.slide_list import SlideEntry
from nnunetv2.run.slide_devices import work_on_devices
from nnunetv2.run.slide_worker import slide_settings, work_on_slides
from s1.problem_lists import raise_together

_log = logging.getLogger(__name__)


def predict_slides_as_asked(arguments: argparse.Namespace) -> None:
    """Predict all slides; raise SlideError at the end that names those that failed."""
    _check_sharing(arguments)
    slide_settings(arguments)  # here, where a mistake is one line, and not in each process or job
    output = Path(arguments.o)
    about = arguments.mpp_of, arguments.slide_mpp
    left_out: dict[str, str] = {}
    entries = slides_to_predict(arguments.i, output, *about, arguments.read_timeout, left_out)
    if arguments.engine == "slurm":
        _submit(arguments, entries)
        raise_together(SlideError, "slides", dict.fromkeys(left_out.values()))
        return
    if arguments.devices:
        problems = work_on_devices(arguments, entries, marks_of(output, entries))
    else:
        problems = work_on_slides(arguments, entries, choose_device(arguments.device))
    finish_output(output, entries)
    raise_together(SlideError, "slides", [*problems, *dict.fromkeys(left_out.values())])


def _check_sharing(arguments: argparse.Namespace) -> None:
    """Enter which part is meant; raise an error for parts and processes that do not exist or have no effect."""
    if arguments.num_parts > 1 and arguments.part_id is None:
        _log.warning("--num_parts %d without --part_id: only part 0 is predicted", arguments.num_parts)
    arguments.part_id = arguments.part_id or 0
    check_part(arguments.part_id, arguments.num_parts)
    pointless = {"--jobs": arguments.jobs, "--slurm": arguments.slurm}
    reason = "without --engine slurm"
    if arguments.engine == "slurm":
        pointless, reason = {"--devices": arguments.devices}, "with --engine slurm; each job has a device"
    for flag, value in pointless.items():
        if value not in (None, []):
            raise ArgumentError(f"{flag} has no effect {reason}")


def _submit(arguments: argparse.Namespace, entries: Sequence[SlideEntry]) -> None:
    """Start jobs that share the slides, and say how to follow them."""
    readers = MOST_READERS if arguments.nr is None else arguments.nr
    on_gpu = arguments.device in (None, "cuda")
    options = with_defaults(slurm_options(arguments.slurm), readers, arguments.memory, on_gpu)
    output = begin_output(arguments.o, entries)
    work = SlurmWork(_work_in_job, (arguments, entries, marks_of(output, entries)))
    names = submit(work, output, 1 if arguments.jobs is None else arguments.jobs, options)
    _log.info("%d jobs: %s\ndrift slide status -o %s", len(names), " ".join(names), output)


def _work_in_job(arguments: argparse.Namespace, entries: Sequence[SlideEntry], before: Marks) -> list[str]:
    """Predict slides in a job until none is free; return a line for each problem, which the log has too."""
    with messages_as_lines(), stopping_in_order() as after_band:
        device = choose_device(arguments.device)
        problems = work_on_slides(arguments, entries, device, before, waits=False, after_band=after_band)
        for problem in problems:
            _log.warning("%s", problem)
        finish_output(Path(arguments.o), entries)
        return problems
    return []
