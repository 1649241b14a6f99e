"""The console scripts `nnUNetv2_find_best_configuration` and `nnUNetv2_accumulate_crossval_results`.

They read their arguments before anything imports numpy.
"""

import argparse

from nnunetv2.configuration import default_num_processes
from nnunetv2.foundation.command_line import command, fold

_CONFIGURATIONS = ["2d", "3d_fullres", "3d_lowres", "3d_cascade_fullres"]


@command
def find_best_configuration_entry_point() -> None:
    """Run `nnUNetv2_find_best_configuration`."""
    arguments = find_best_parser().parse_args()
    from nnunetv2.evaluation.find_best_configuration import find_best_as_asked

    find_best_as_asked(arguments)


@command
def accumulate_crossval_results_entry_point() -> None:
    """Run `nnUNetv2_accumulate_crossval_results`."""
    arguments = accumulate_parser().parse_args()
    from nnunetv2.evaluation.find_best_configuration import accumulate_as_asked

    accumulate_as_asked(arguments)


def find_best_parser() -> argparse.ArgumentParser:
    """Return the parser of nnUNetv2_find_best_configuration."""
    parser = argparse.ArgumentParser(
        description="Find the best model or pair of models by cross-validation, and the best postprocessing for it."
    )
    _add_dataset(parser)
    add = parser.add_argument
    add("-p", nargs="+", default=["nnUNetPlans"], metavar="PLANS", help="plans identifiers (default nnUNetPlans)")
    add("-c", nargs="+", default=_CONFIGURATIONS, metavar="CONF", help=f"default {' '.join(_CONFIGURATIONS)}")
    add("-tr", nargs="+", default=["nnUNetTrainer"], metavar="TRAINER", help="trainers (default nnUNetTrainer)")
    add("-np", type=int, default=default_num_processes, help="processes (default %(default)s)")
    _add_folds(parser)
    add("--disable_ensembling", action="store_true", help="do not try pairs of models")
    add("--no_overwrite", action="store_true", help="keep the merged results of an earlier run, even if outdated")
    return parser


def accumulate_parser() -> argparse.ArgumentParser:
    """Return the parser of nnUNetv2_accumulate_crossval_results."""
    parser = argparse.ArgumentParser(description="Collect the validation predictions of all folds and score them.")
    _add_dataset(parser)
    add = parser.add_argument
    add("-c", required=True, metavar="CONF", help="configuration, for example 2d")
    add("-o", metavar="OUTPUT", help="output folder (default crossval_results_folds_... in the model folder)")
    _add_folds(parser)
    add("-p", default="nnUNetPlans", metavar="PLANS", help="plans identifier (default nnUNetPlans)")
    add("-tr", default="nnUNetTrainer", metavar="TRAINER", help="trainer class (default nnUNetTrainer)")
    return parser


def _add_dataset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset_name_or_id", help="id or name of a dataset")


def _add_folds(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-f", nargs="+", type=fold, default=[0, 1, 2, 3, 4], help="folds (default 0 1 2 3 4)")
