"""The command `drift report`."""

import argparse
from pathlib import Path

from nnunetv2.errors import MissingFileError, SettingsError
from nnunetv2.foundation.command_line import command


@command
def report_entry() -> None:
    """Write the HTML report of a model, a fold, or a folder of evaluated predictions."""
    parser = _parser()
    arguments = parser.parse_args()
    if bool(arguments.folder) == bool(arguments.predictions):
        raise SettingsError("expected either the folder of a model (or one of its folds) or --predictions FOLDER")
    from nnunetv2.foundation.files import replacing
    from nnunetv2.foundation.output_guard import check_output_file, is_web_page
    from nnunetv2.reporting.run_report import model_report, predictions_report

    folder = Path(arguments.folder or arguments.predictions).resolve()
    target = Path(arguments.o) if arguments.o else folder / "report.html"
    check_output_file(target, "a report", is_web_page, {})
    images_dir = _existing(arguments.images_dir) if arguments.images_dir else None
    make = predictions_report if arguments.predictions else model_report
    html = make(folder, images_dir, arguments.worst_cases)
    with replacing(target) as temporary:
        temporary.write_text(html, encoding="utf-8")
    print(f"written: {target}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Write one self-contained HTML page about a model or about predictions."
    )
    parser.add_argument("folder", nargs="?", help="folder of a trained model, or a fold_* folder in it")
    parser.add_argument("--predictions", metavar="FOLDER", help="instead: a folder of predictions with summary.json")
    parser.add_argument("-o", metavar="FILE", help="output file (default: report.html in the folder)")
    parser.add_argument(
        "--images-dir", metavar="FOLDER", help="images of the cases, if they are not in the raw dataset"
    )
    parser.add_argument("--worst-cases", type=int, default=6, metavar="N", help="cases to show (default 6, at most 10)")
    return parser


def _existing(folder: str) -> Path:
    if not Path(folder).is_dir():
        raise MissingFileError(f"--images-dir: folder not found: {folder}")
    return Path(folder)
