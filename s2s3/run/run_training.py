"""nnUNetv2_train: train and validate one fold of one configuration.

The functions behind the command are in `training_run`, which looks up here what clients replace (`late_names`).
"""

import argparse
import sys
from typing import Any

from nnunetv2.foundation.command_line import command
from nnunetv2.foundation.late_names import late_names

DEVICES = ("cpu", "cuda", "mps")

__getattr__, __dir__ = late_names(
    __name__,
    {
        "nnunetv2.run.training_run": (
            "cleanup_ddp",
            "find_free_network_port",
            "get_trainer_from_args",
            "maybe_load_checkpoint",
            "run_ddp",
            "run_training",
            "setup_ddp",
        ),
        "batchgenerators.utilities.file_and_folder_operations": ("load_json",),
        "nnunetv2.paths": ("nnUNet_preprocessed",),
        "nnunetv2.run.load_pretrained_weights": ("load_pretrained_weights",),
        "nnunetv2.training.nnUNetTrainer.nnUNetTrainer": ("nnUNetTrainer",),
        "nnunetv2.utilities.dataset_name_id_conversion": ("maybe_convert_to_dataset_name",),
        "nnunetv2.utilities.find_objects": ("recursive_find_trainer_class_by_name",),
        "os.path": ("isfile", "join"),
        "typing": ("Optional", "Union"),
    },
    {
        "cudnn": "torch.backends.cudnn",
        "dist": "torch.distributed",
        "mp": "torch.multiprocessing",
        "multiprocessing": "multiprocessing",
        "os": "os",
        "socket": "socket",
        "torch": "torch",
    },
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Train and validate one fold of one configuration.")
    parser.add_argument("dataset_name_or_id", help="id or name of a preprocessed dataset")
    parser.add_argument("configuration", help="configuration of the plans, for example 2d or 3d_fullres")
    parser.add_argument("fold", help="number of the fold, or all")

    def option(name: str, **settings: Any) -> None:
        parser.add_argument(f"-{name}", f"--{name}", dest=name, **settings)

    option("tr", default="nnUNetTrainer", help="trainer class (default nnUNetTrainer)")
    option("p", default="nnUNetPlans", help="name of the plans (default nnUNetPlans)")
    option("pretrained_weights", default=None, help="checkpoint with the weights to start from")
    option("num_gpus", type=int, default=1, help="number of GPUs (default 1)")
    option("device", default="cuda", help=f"{', '.join(DEVICES)} (default cuda; CUDA_VISIBLE_DEVICES selects the GPU)")
    parser.add_argument("--npz", action="store_true", help="save probabilities in the final validation")
    parser.add_argument("--c", action="store_true", help="continue from the latest checkpoint")
    parser.add_argument("--val", action="store_true", help="only run the final validation")
    parser.add_argument(
        "--val_best", action="store_true", help="validate with checkpoint_best instead of the final one"
    )
    parser.add_argument("--disable_checkpointing", action="store_true", help="write no checkpoints (for quick tests)")
    return parser


@command
def run_training_entry() -> None:
    """Run `nnUNetv2_train`."""
    arguments = _parser().parse_args()
    from nnunetv2.run.training_run import set_up_device

    sys.modules[__name__].run_training(
        arguments.dataset_name_or_id,
        arguments.configuration,
        arguments.fold,
        arguments.tr,
        arguments.p,
        arguments.pretrained_weights,
        arguments.num_gpus,
        arguments.npz,
        arguments.c,
        arguments.val,
        arguments.disable_checkpointing,
        arguments.val_best,
        device=set_up_device(arguments.device, DEVICES),
    )


if __name__ == "__main__":
    run_training_entry()
