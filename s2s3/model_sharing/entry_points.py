"""The commands that export, install and download trained models."""

import argparse
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from nnunetv2.foundation.command_line import command, fold
from nnunetv2.foundation.late_names import late_names

if TYPE_CHECKING:
    from nnunetv2.model_sharing.model_import import InstalledModel

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(
    __name__,
    {
        "nnunetv2.model_sharing.model_download": ("download_and_install_from_url",),
        "nnunetv2.model_sharing.model_export": ("export_pretrained_model",),
        "nnunetv2.model_sharing.model_import": ("install_model_from_zip_file",),
    },
)


def print_license_warning() -> None:
    """Remind of whose data a model was trained on."""
    sys.stdout.write(
        "Note: what a trained model may be used for depends on the licence of the data that it was trained on. Some "
        "licences exclude commercial use. Please check it before you use the model.\n"
    )


@command
def download_by_url() -> None:
    """Run `nnUNetv2_download_pretrained_model_by_url`."""
    parser = argparse.ArgumentParser(
        description="Download a zip file of trained models and install it into nnUNet_results, if none of them is "
        "there already."
    )
    parser.add_argument("url", help="http:// or https:// address of the zip file")
    _add_overwrite(parser)
    arguments = parser.parse_args()
    from nnunetv2.model_sharing.model_download import download_and_install

    _report_installed(download_and_install(arguments.url, arguments.overwrite))
    print_license_warning()


@command
def install_from_zip_entry_point() -> None:
    """Run `nnUNetv2_install_pretrained_model_from_zip`."""
    parser = argparse.ArgumentParser(
        description="Install the trained models of a zip file into nnUNet_results, if none of them is there already."
    )
    parser.add_argument("zip", help="zip file, as nnUNetv2_export_model_to_zip makes it")
    _add_overwrite(parser)
    arguments = parser.parse_args()
    from nnunetv2.model_sharing.model_import import install_archive

    _report_installed(install_archive(arguments.zip, arguments.zip, arguments.overwrite))


def _add_overwrite(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace files of the same names of a model that is there; its other files stay",
    )


def _report_installed(models: "Iterable[InstalledModel]") -> None:
    from nnunetv2.model_sharing.card_page import card_lines

    for model in models:
        sys.stdout.write(f"installed {model.name}\n")
        lines = card_lines(model.card) if model.card else ()
        sys.stdout.writelines(f"  {line}\n" for line in lines)


@command
def export_pretrained_model_entry() -> None:
    """Run `nnUNetv2_export_model_to_zip`."""
    arguments = _export_parser().parse_args()
    from nnunetv2.model_sharing.model_export import export_pretrained_model

    export_pretrained_model(
        arguments.d,
        arguments.o,
        tuple(arguments.c),
        arguments.tr,
        arguments.p,
        tuple(arguments.f),
        not arguments.not_strict,
        tuple(arguments.chk),
        arguments.exp_cv_preds,
        arguments.intended_use,
        arguments.not_tested_on,
    )
    sys.stdout.write(f"{arguments.o}\n")


def _export_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Pack trained models of a data set into a zip file. A configuration, fold or file that is not "
        "there is an error, unless --not_strict is given."
    )
    parser.add_argument("-d", required=True, metavar="DATASET", help="id or name of the data set")
    parser.add_argument("-o", required=True, metavar="FILE", help="zip file to write")
    configurations = ("3d_lowres", "3d_fullres", "2d", "3d_cascade_fullres")
    _add_list(parser, "-c", configurations, "configurations")
    parser.add_argument("-tr", default="nnUNetTrainer", metavar="TRAINER", help="trainer (default %(default)s)")
    parser.add_argument("-p", default="nnUNetPlans", metavar="PLANS", help="plans (default %(default)s)")
    _add_list(parser, "-f", (0, 1, 2, 3, 4), "folds, numbers or 'all'", fold)
    _add_list(parser, "-chk", ("checkpoint_final.pth",), "names of checkpoints")
    parser.add_argument(
        "--not_strict", action="store_true", help="leave out what is not there, as long as a model remains"
    )
    parser.add_argument(
        "--exp_cv_preds", action="store_true", help="also pack the segmentations of the validation cases"
    )
    parser.add_argument("--intended_use", metavar="TEXT", help="for the model's card: what the model is for")
    parser.add_argument(
        "--not_tested_on",
        nargs="+",
        default=(),
        metavar="TEXT",
        help="for the model's card: what its scores say nothing about, besides what follows from its files",
    )
    return parser


def _add_list(
    parser: argparse.ArgumentParser,
    flag: str,
    default: tuple[int | str, ...],
    what: str,
    convert: Callable[[str], int | str] = str,
) -> None:
    text = f"{what} (default {' '.join(map(str, default))})"
    parser.add_argument(flag, nargs="+", default=default, type=convert, metavar=flag[1:].upper(), help=text)
