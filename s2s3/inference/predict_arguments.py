"""The arguments of `nnUNetv2_predict` and `nnUNetv2_predict_from_modelfolder`."""

import argparse

from nnunetv2.foundation.command_line import fold
from s1.cpus import feeding_processes
from s1.environment import text_variable

_FEW_CASES = 10
_WORKERS = 3
_MOST_DIGITS = 4


def predict_parser() -> argparse.ArgumentParser:
    """Return the parser of nnUNetv2_predict, which finds the model by dataset, configuration, trainer and plans."""
    parser = argparse.ArgumentParser(description="Segment the images of a folder with a trained model.")
    _add_folders(parser)
    parser.add_argument("-d", required=True, metavar="DATASET", help="dataset the model was trained on, id or name")
    parser.add_argument("-p", default="nnUNetPlans", metavar="PLANS", help="plans identifier (default %(default)s)")
    parser.add_argument("-tr", default="nnUNetTrainer", metavar="TRAINER", help="trainer class (default %(default)s)")
    parser.add_argument("-c", required=True, metavar="CONFIGURATION", help="configuration, for example 2d")
    _add_settings(parser)
    parser.add_argument("-num_parts", type=int, default=1, help="number of parts to split the cases into (default 1)")
    parser.add_argument("-part_id", type=int, default=0, help="part to predict, counted from 0 (default 0)")
    _add_workers(parser)
    return parser


def modelfolder_parser() -> argparse.ArgumentParser:
    """Return the parser of nnUNetv2_predict_from_modelfolder, which takes the model folder."""
    parser = argparse.ArgumentParser(description="Segment the images of a folder with the model in a folder.")
    _add_folders(parser)
    parser.add_argument("-m", required=True, metavar="MODEL", help="model folder with plans.json and fold_X")
    _add_settings(parser, "--c")
    _add_workers(parser)
    parser.set_defaults(num_parts=1, part_id=0)
    return parser


def _add_folders(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-i", required=True, metavar="INPUT", help="folder of images <case>_0000.<ending>")
    parser.add_argument("-o", required=True, metavar="OUTPUT", help="folder for the segmentations; created if needed")


def _add_settings(parser: argparse.ArgumentParser, *more_names_of_continue: str) -> None:
    add = parser.add_argument
    add("-f", nargs="+", type=fold, default=[0, 1, 2, 3, 4], metavar="FOLD", help="folds, or all (default 0 1 2 3 4)")
    add("-step_size", type=float, default=0.5, help="tile distance as a fraction of the tile size (default 0.5)")
    add("--disable_tta", action="store_true", help="do not average over mirrored images: faster, less accurate")
    add("--verbose", action="store_true", help="print details")
    add("--save_probabilities", action="store_true", help="also write probabilities (npz), needed for ensembles")
    add("--continue_prediction", *more_names_of_continue, action="store_true", help="skip finished cases")
    add("-chk", default="checkpoint_final.pth", metavar="FILE", help="checkpoint in each fold (default %(default)s)")
    add("-prev_stage_predictions", metavar="FOLDER", help="predictions of the previous stage of a cascade")
    add(
        "-device",
        choices=("cpu", "cuda", "mps"),
        help="device for the network (default: cuda if available, otherwise cpu)",
    )
    add("--disable_progress_bar", action="store_true", help="hide progress bars")
    add("--not_on_device", action="store_true", help="collect results in CPU memory instead of GPU memory")


def _add_workers(parser: argparse.ArgumentParser) -> None:
    text = "processes for %s (default 3; fewer on the CPU, 0 for few images); -npp 0 -nps 0 starts none"
    parser.add_argument("-npp", type=int, metavar="N", help=text % "preprocessing")
    parser.add_argument("-nps", type=int, metavar="N", help=text % "export")


def default_workers(variable: str, on_cpu: bool, num_cases: int) -> int:
    """Return the default number of worker processes.

    That is the number in the environment variable, otherwise 3. On the CPU, where the network takes nearly all the
    time, fewer share its CPUs, and few cases get 0: starting processes costs more than it saves.
    """
    number = text_variable(variable, "")
    if number.isdecimal() and len(number) <= _MOST_DIGITS:
        return int(number)
    if not on_cpu or number:
        return _WORKERS
    return 0 if num_cases <= _FEW_CASES else min(_WORKERS, feeding_processes())
