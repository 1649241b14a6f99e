"""The command `drift export-onnx`: the networks of a model for programs without Python or torch."""

import argparse
import sys
from pathlib import Path

from nnunetv2.foundation.command_line import command
from nnunetv2.run.model_arguments import add_model_arguments


@command
def export_onnx_entry() -> None:
    """Run `drift export-onnx`."""
    arguments = _parser().parse_args()
    from nnunetv2.inference.onnx_export import export_onnx

    target = Path(arguments.o)
    for network in export_onnx(Path(arguments.model), target, arguments.f, arguments.chk):
        compared = (
            "not compared, as onnxruntime is not installed"
            if network.difference is None
            else f"logits within {network.difference:.0e} of the network's on random images"
        )
        sys.stdout.write(f"{network.file}: fold {network.fold}, {compared}\n")
    sys.stdout.write(f"{target.with_suffix('.json')}: how images become their input\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Write the plain network of each fold as ONNX, without deep supervision and edge heads, and a JSON "
        "file with patch size, pixel size, normalisation, labels and tiling. Prediction averages the logits of the "
        "folds."
    )
    add_model_arguments(parser, "the numbered ones that are there")
    parser.add_argument(
        "-o", required=True, metavar="FILE", help="name.onnx; of several folds: name_fold_0.onnx, and so on"
    )
    return parser
