"""The console scripts `nnUNetv2_predict` and `nnUNetv2_predict_from_modelfolder`.

They read their arguments before anything imports torch, so that `--help` and mistakes are answered at once.
"""

from nnunetv2.foundation.command_line import command
from nnunetv2.inference.predict_arguments import modelfolder_parser, predict_parser


@command
def predict_entry_point() -> None:
    """Run `nnUNetv2_predict`."""
    arguments = predict_parser().parse_args()
    from nnunetv2.inference.predict_from_raw_data import predict_as_asked

    predict_as_asked(arguments)


@command
def predict_entry_point_modelfolder() -> None:
    """Run `nnUNetv2_predict_from_modelfolder`."""
    arguments = modelfolder_parser().parse_args()
    from nnunetv2.inference.predict_from_raw_data import predict_as_asked

    predict_as_asked(arguments)
