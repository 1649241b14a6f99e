"""The commands nnUNetv2_extract_fingerprint, _plan_experiment, _preprocess and _plan_and_preprocess."""

import argparse
import logging

from nnunetv2.configuration import default_num_processes
from nnunetv2.experiment_planning.console_messages import show_messages
from nnunetv2.utilities.command_line import command

_DEFAULT_CONFIGURATIONS = ("2d", "3d_fullres", "3d_lowres")
_DEFAULT_PROCESSES = {"2d": 8, "3d_fullres": 4, "3d_lowres": 8}
_OTHER_PROCESSES = 4
_log = logging.getLogger(__name__)


@command
def extract_fingerprint_entry() -> None:
    """Run nnUNetv2_extract_fingerprint."""
    parser = argparse.ArgumentParser(
        description="Extract the fingerprint of data sets: spacings, shapes and foreground intensities."
    )
    _add_dataset(parser)
    _add_fingerprint_options(parser)
    parser.add_argument(
        "-np", type=int, default=default_num_processes, help=f"processes; 0: none (default {default_num_processes})"
    )
    _add_display_options(parser)
    arguments = _parse_tolerantly(parser)
    _extract(arguments, arguments.np)


@command
def plan_experiment_entry() -> None:
    """Run nnUNetv2_plan_experiment."""
    parser = argparse.ArgumentParser(description="Plan networks, patches and preprocessing from the fingerprint.")
    _add_dataset(parser)
    _add_planning_options(parser)
    _plan(_parse_tolerantly(parser))


@command
def preprocess_entry() -> None:
    """Run nnUNetv2_preprocess."""
    parser = argparse.ArgumentParser(description="Crop, normalize, resample and store training images by their plans.")
    _add_dataset(parser)
    parser.add_argument("-plans_name", default="nnUNetPlans", help="plans to use (default nnUNetPlans)")
    _add_preprocessing_options(parser)
    _add_display_options(parser)
    arguments = _parse_tolerantly(parser)
    _preprocess(arguments, arguments.plans_name)


@command
def plan_and_preprocess_entry() -> None:
    """Run nnUNetv2_plan_and_preprocess."""
    parser = argparse.ArgumentParser(description="Fingerprint, plan and preprocess data sets in one go.")
    _add_dataset(parser)
    _add_fingerprint_options(parser)
    parser.add_argument("-npfp", type=int, default=8, help="processes for the fingerprint; 0: none (default 8)")
    _add_planning_options(parser)
    parser.add_argument("--no_pp", action="store_true", help="stop before preprocessing")
    _add_preprocessing_options(parser)
    _add_display_options(parser)
    arguments = parser.parse_args()
    show_messages()
    _extract(arguments, arguments.npfp)
    plans_name = _plan(arguments)
    if not arguments.no_pp and plans_name is not None:
        _preprocess(arguments, plans_name)


def _dataset(text: str) -> int | str:
    """An id, or the full name of a data set."""
    if text.startswith("Dataset"):
        return text
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no data set: expected an id such as 4, or a full name") from None


def _add_dataset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-d", nargs="+", type=_dataset, required=True, metavar="ID", help="data set ids, such as 2 4 5")


def _add_fingerprint_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-fpe", default="DatasetFingerprintExtractor", help="class name of the extractor (default %(default)s)"
    )
    parser.add_argument(
        "--verify_dataset_integrity", action="store_true", help="check images, masks, labels and domains first"
    )
    parser.add_argument("--clean", action="store_true", help="compute the fingerprint anew where one exists")
    parser.add_argument(
        "--stock_sampling",
        action="store_true",
        help="intensity statistics of the random sample of nnU-Net 2.8.1, bit for bit, instead of all foreground",
    )


def _add_planning_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-pl", default="ExperimentPlanner", help="class name of the planner (default %(default)s)")
    parser.add_argument("-gpu_memory_target", type=float, metavar="GB", help="default: what the planner is made for")
    parser.add_argument("-preprocessor_name", default="DefaultPreprocessor", help="default %(default)s")
    parser.add_argument(
        "-overwrite_target_spacing",
        nargs="+",
        type=float,
        metavar="SPACING",
        help="target spacing of all configurations, three numbers, axes as in the image files",
    )
    parser.add_argument("-overwrite_plans_name", metavar="NAME", help="name of the plans; default: the planner's")


def _add_preprocessing_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-c",
        nargs="+",
        default=list(_DEFAULT_CONFIGURATIONS),
        metavar="CONFIGURATION",
        help="configurations; those the plans lack are passed over (default 2d 3d_fullres 3d_lowres)",
    )
    parser.add_argument(
        "-np",
        nargs="+",
        type=int,
        metavar="N",
        help="processes: one number, or one for each configuration; 0: none (default 2d 8, 3d_fullres 4, "
        "3d_lowres 8, any other 4)",
    )


def _add_display_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--verbose", action="store_true", help="say more")
    parser.add_argument("--no_pbar", action="store_true", help="no progress bar")


def _parse_tolerantly(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse as nnU-Net's single-step commands do: unknown arguments are no error; here they are at least named."""
    arguments, ignored = parser.parse_known_args()
    show_messages()
    if ignored:
        _log.warning("unknown arguments are ignored: %s", " ".join(ignored))
    return arguments


def _extract(arguments: argparse.Namespace, num_processes: int) -> None:
    from nnunetv2.experiment_planning.plan_and_preprocess_api import extract_fingerprints

    extract_fingerprints(
        arguments.d,
        arguments.fpe,
        num_processes,
        arguments.verify_dataset_integrity,
        arguments.clean,
        arguments.verbose,
        not arguments.no_pbar,
        arguments.stock_sampling,
    )


def _plan(arguments: argparse.Namespace) -> str | None:
    from nnunetv2.experiment_planning.plan_and_preprocess_api import plan_experiments

    return plan_experiments(
        arguments.d,
        arguments.pl,
        arguments.gpu_memory_target,
        arguments.preprocessor_name,
        arguments.overwrite_target_spacing,
        arguments.overwrite_plans_name,
    )


def _preprocess(arguments: argparse.Namespace, plans_name: str) -> None:
    from nnunetv2.experiment_planning.plan_and_preprocess_api import preprocess

    processes = arguments.np or [_DEFAULT_PROCESSES.get(name, _OTHER_PROCESSES) for name in arguments.c]
    preprocess(arguments.d, plans_name, arguments.c, processes, arguments.verbose, not arguments.no_pbar)
