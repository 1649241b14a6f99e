"""The commands nnUNetv2_extract_fingerprint, _plan_experiment, _preprocess and _plan_and_preprocess."""

import argparse
import logging
import sys

from nnunetv2.configuration import default_num_processes
from nnunetv2.foundation.command_line import command
from nnunetv2.foundation.late_names import late_names

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(
    __name__,
    {
        "nnunetv2.experiment_planning.plan_and_preprocess_api": (
            "extract_fingerprints",
            "plan_experiments",
            "preprocess",
        )
    },
)

_DEFAULT_CONFIGURATIONS = ("2d", "3d_fullres", "3d_lowres")
_DEFAULT_PROCESSES = {"2d": 8, "3d_fullres": 4, "3d_lowres": 8}
_OTHER_PROCESSES = 4
_LOGS_READERS = "also log why readers cannot read the images"
_NO_EFFECT = "accepted for nnU-Net's scripts; no effect"
_log = logging.getLogger(__name__)


@command
def extract_fingerprint_entry() -> None:
    """Run nnUNetv2_extract_fingerprint."""
    parser = argparse.ArgumentParser(
        description="Extract the fingerprint of datasets: spacings, shapes and foreground intensities."
    )
    _add_dataset(parser)
    _add_fingerprint_options(parser)
    parser.add_argument(
        "-np", type=int, default=default_num_processes, help="processes; 0: in this process (default %(default)s)"
    )
    _add_display_options(parser, _LOGS_READERS)
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
    parser = argparse.ArgumentParser(description="Crop, normalise, resample and store training images as planned.")
    _add_dataset(parser)
    parser.add_argument("-plans_name", default="nnUNetPlans", help="plans to use (default nnUNetPlans)")
    _add_preprocessing_options(parser)
    _add_display_options(parser, _NO_EFFECT)
    arguments = _parse_tolerantly(parser)
    _preprocess(arguments, arguments.plans_name)


@command
def plan_and_preprocess_entry() -> None:
    """Run nnUNetv2_plan_and_preprocess."""
    parser = argparse.ArgumentParser(description="Extract the fingerprint of datasets, plan and preprocess them.")
    _add_dataset(parser)
    _add_fingerprint_options(parser)
    parser.add_argument("-npfp", type=int, default=8, help="as -np, for the fingerprint (default 8)")
    _add_planning_options(parser)
    parser.add_argument("--no_pp", action="store_true", help="stop before preprocessing")
    _add_preprocessing_options(parser)
    _add_display_options(parser, _LOGS_READERS)
    arguments = parser.parse_args()
    _extract(arguments, arguments.npfp)
    plans_name = _plan(arguments)
    if not arguments.no_pp and plans_name is not None:
        _preprocess(arguments, plans_name)


def _dataset(text: str) -> int | str:
    """Return an id as a number, the full name of a dataset unchanged."""
    if text.startswith("Dataset"):
        return text
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r}: expected the id of a dataset, for example 4, or its full name"
        ) from None


def _add_dataset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-d", nargs="+", type=_dataset, required=True, metavar="ID", help="ids or names, for example 2 4"
    )


def _add_fingerprint_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-fpe", default="DatasetFingerprintExtractor", help="class name of the extractor (default %(default)s)"
    )
    parser.add_argument(
        "--verify_dataset_integrity", action="store_true", help="check images, masks, labels and domains first"
    )
    parser.add_argument("--clean", action="store_true", help="compute the fingerprint even if there is one")
    parser.add_argument(
        "--stock_sampling",
        action="store_true",
        help="intensity statistics from random draws, equal to those of nnU-Net 2.8.1, instead of all foreground",
    )


def _add_planning_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-pl", default="ExperimentPlanner", help="class name of the planner (default %(default)s)")
    parser.add_argument("-gpu_memory_target", type=float, metavar="GB", help="default: the planner's")
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
        help="configurations; those that the plans lack are skipped (default 2d 3d_fullres 3d_lowres)",
    )
    parser.add_argument(
        "-np",
        nargs="+",
        type=int,
        metavar="N",
        help="processes: one number, or one per configuration; 0: in this process (default 2d 8, 3d_fullres 4, "
        "3d_lowres 8, any other 4)",
    )


def _add_display_options(parser: argparse.ArgumentParser, verbose: str) -> None:
    parser.add_argument("--verbose", action="store_true", help=verbose)
    parser.add_argument("--no_pbar", action="store_true", help="no progress bar")


def _parse_tolerantly(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Ignore unknown arguments, as nnU-Net's single-step commands do, but name them."""
    arguments, ignored = parser.parse_known_args()
    if ignored:
        _log.warning("unknown arguments are ignored: %s", " ".join(ignored))
    return arguments


def _extract(arguments: argparse.Namespace, num_processes: int) -> None:
    sys.modules[__name__].extract_fingerprints(
        arguments.d,
        arguments.fpe,
        num_processes=num_processes,
        check_dataset_integrity=arguments.verify_dataset_integrity,
        clean=arguments.clean,
        verbose=arguments.verbose,
        show_progress_bar=not arguments.no_pbar,
        stock_sampling=arguments.stock_sampling,
    )


def _plan(arguments: argparse.Namespace) -> str | None:
    return sys.modules[__name__].plan_experiments(
        arguments.d,
        arguments.pl,
        gpu_memory_target_in_gb=arguments.gpu_memory_target,
        preprocess_class_name=arguments.preprocessor_name,
        overwrite_target_spacing=arguments.overwrite_target_spacing,
        overwrite_plans_name=arguments.overwrite_plans_name,
    )


def _preprocess(arguments: argparse.Namespace, plans_name: str) -> None:
    sys.modules[__name__].preprocess(
        arguments.d,
        plans_name,
        arguments.c,
        num_processes=arguments.np or [_DEFAULT_PROCESSES.get(name, _OTHER_PROCESSES) for name in arguments.c],
        verbose=arguments.verbose,
        show_progress_bar=not arguments.no_pbar,
    )
