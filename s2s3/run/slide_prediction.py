"""`drift slide predict`: shares the slides among this process, several devices, or jobs of a cluster."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from nnunetv2.errors import SlideError
from nnunetv2.foundation.output_guard import check_apart
from nnunetv2.inference.case_lists import check_part
from nnunetv2.inference.predict_folder import choose_device
from nnunetv2.pathology.prediction.slide_state import read_state
from nnunetv2.pathology.prediction.slide_summary import write_summary
from nnunetv2.pathology.slides.slide_list import SlideEntry, list_slides
from nnunetv2.reporting.slide_report import write_slide_report
from nnunetv2.run.slide_worker import work_on_slides
from s1.problem_lists import raise_together

_log = logging.getLogger(__name__)


def predict_slides_as_asked(arguments: argparse.Namespace) -> None:
    """Predict all slides; raise SlideError at the end that names those that failed."""
    check_part(arguments.part_id, arguments.num_parts)
    entries = list_slides(arguments.i, arguments.mpp_of)
    output = Path(arguments.o)
    for entry in entries:
        check_apart(output, {"the slides": Path(entry.path).parent})
    device = choose_device(arguments.device)
    problems = work_on_slides(arguments, entries, device)
    _finish(output, entries)
    raise_together(SlideError, "slides", problems)


def _finish(output: Path, entries: Sequence[SlideEntry]) -> None:
    """Write the tables and the page about all slides."""
    write_summary(output, [entry.name for entry in entries])
    if any(read_state(output / entry.name) for entry in entries):
        _log.info("report: %s", write_slide_report(output))
