"""The command `drift slide`."""

import argparse
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from nnunetv2.errors import SettingsError, SlideError, UnreadableSlideError
from nnunetv2.foundation.command_line import command
from nnunetv2.run.slide_arguments import slide_parser

if TYPE_CHECKING:
    from nnunetv2.pathology.slides.slide_info import SlideInfo
    from nnunetv2.pathology.slides.slide_list import SlideEntry


@command
def slide_entry() -> None:
    """Run the sub-command of `drift slide` that the command line names."""
    arguments = slide_parser().parse_args()
    if "read_timeout" in arguments:
        _check_reading(arguments)
    _COMMANDS[arguments.what](arguments)


def show_info(arguments: argparse.Namespace) -> None:
    """Print what each slide is; slides that cannot be read, or are damaged, are named at the end, with exit code 2."""
    from nnunetv2.pathology.slides.slide_list import list_slides
    from s1.problem_lists import raise_together

    shown: list[dict[str, object]] = []
    problems: list[str] = []
    left_out: dict[str, str] = {}
    for entry in list_slides(arguments.slides, arguments.mpp_of, arguments.read_timeout, left_out, may_clash=True):
        try:
            info, problem = _examined(entry, arguments)
        except SlideError as error:
            problems.append(str(error))
            shown.append({"path": entry.path, "error": str(error)})
            continue
        problems += [problem] if problem else []
        shown.append(info.facts)
        if not arguments.json:
            print("\n".join(info.lines()))
    shown += [{"path": path, "error": line} for path, line in left_out.items()]
    if arguments.json:
        print(json.dumps(shown, indent=1))
    raise_together(UnreadableSlideError, "slides", [*problems, *left_out.values()])


def _examined(entry: "SlideEntry", arguments: argparse.Namespace) -> "tuple[SlideInfo, str | None]":
    """Return a slide's info and, if it was checked, what is wrong with its pixels."""
    from nnunetv2.pathology.slides.reader_process import default_readers
    from nnunetv2.pathology.slides.slide_info import checked, damage, slide_info

    info = slide_info(entry.path, arguments.reader, entry.mpp or arguments.slide_mpp, arguments.read_timeout)
    if not arguments.check:
        return info, None
    readers = default_readers() if arguments.nr is None else arguments.nr
    info, record = checked(info, arguments.reader, readers, arguments.read_timeout)
    error = damage(entry.path, record)
    return info, str(error) if error else None


def _check_reading(arguments: argparse.Namespace) -> None:
    if "nr" in arguments and arguments.nr is not None and arguments.nr < 0:
        raise SettingsError(f"-nr {arguments.nr}: expected 0 or more processes")
    if not arguments.read_timeout > 0:
        raise SettingsError(f"--read_timeout {arguments.read_timeout:g}: expected seconds above 0")


def predict(arguments: argparse.Namespace) -> None:
    """Predict slides; those that fail are named at the end, with exit code 2, after all others are done."""
    from nnunetv2.run.slide_prediction import predict_slides_as_asked

    predict_slides_as_asked(arguments)


def tile(arguments: argparse.Namespace) -> None:
    """Cut slides into a dataset; those that cannot be used are named at the end, with exit code 2."""
    from nnunetv2.run.slide_tiling import tile_slides_as_asked

    tile_slides_as_asked(arguments)


def export(arguments: argparse.Namespace) -> None:
    """Make files of predicted slides; those that cannot be made are named at the end, with exit code 2."""
    from nnunetv2.run.slide_exports import export_as_asked

    export_as_asked(arguments)


def compare(arguments: argparse.Namespace) -> None:
    """Print what the ways to normalise a slide change in its labels."""
    from nnunetv2.run.slide_comparing import comparison_text

    print(comparison_text(arguments))


def write_report(arguments: argparse.Namespace) -> None:
    """Write report.html into an output folder."""
    from pathlib import Path

    from nnunetv2.reporting.slide_report import write_slide_report

    print(f"written: {write_slide_report(Path(arguments.o))}")


def show_status(arguments: argparse.Namespace) -> None:
    """Print how far the slides of an output folder are."""
    from pathlib import Path

    from nnunetv2.pathology.prediction.archive_status import archive_status, release_claims, status_lines

    output = Path(arguments.o)
    released = release_claims(output) if arguments.release else []
    slides = archive_status(output)
    if arguments.json:
        print(json.dumps([slide.to_dict() for slide in slides], indent=1))
        return
    print("\n".join([*(f"released: {name}" for name in released), *status_lines(slides)]))


_COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "info": show_info,
    "tile": tile,
    "predict": predict,
    "export": export,
    "compare": compare,
    "report": write_report,
    "status": show_status,
}
