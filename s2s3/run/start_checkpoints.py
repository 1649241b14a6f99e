"""Which checkpoint a validation uses, and which ones a training may start or go on from."""

from os.path import isfile, join
from pathlib import Path

from nnunetv2.errors import CheckpointError, DamagedCheckpointError, SettingsError
from nnunetv2.model_sharing.model_advice import BEST, FINAL, LATEST, describe_fold, train_command
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from s1.output_places import same_place


def refuse_own_checkpoint(pretrained_weights_file: str, fold_folder: str) -> None:
    """Raise SettingsError for a checkpoint of the fold to be trained, as the training would replace it."""
    if same_place(Path(pretrained_weights_file).parent, fold_folder):
        raise SettingsError(
            f"-pretrained_weights {pretrained_weights_file} is a checkpoint of this fold, which the training would "
            "replace; continue it with --c, or copy the file to another folder first"
        )


def checkpoint_to_validate(fold_folder: str, with_best: bool) -> str:
    """Return the path of the final or the best checkpoint; CheckpointError names the ways on if there is none."""
    wanted = BEST if with_best else FINAL
    file = join(fold_folder, wanted)
    if isfile(file):
        return file
    model, fold = Path(fold_folder).parent, Path(fold_folder).name.removeprefix("fold_")
    ways = [describe_fold(model, fold)]
    if not with_best and isfile(join(fold_folder, BEST)):
        ways.append(f"validate its best checkpoint so far with {train_command(model, fold, '--val', '--val_best')}")
    if with_best and isfile(join(fold_folder, FINAL)):
        ways = [f"validate the final checkpoint with {train_command(model, fold, '--val')}"]
    raise CheckpointError(f"--val: there is no {file}; {'; or '.join(ways)}")


def load_newest(trainer: nnUNetTrainer) -> None:
    """Load the final, the latest or the best checkpoint of a trainer's fold, the first that exists and is whole.

    Reports which ones are damaged, and if there is none at all. Raises DamagedCheckpointError if all are damaged.
    """
    damaged: list[DamagedCheckpointError] = []
    for name in (FINAL, LATEST, BEST):
        file = join(trainer.output_folder, name)
        if not isfile(file):
            continue
        try:
            trainer.load_checkpoint(file)
        except DamagedCheckpointError as error:
            trainer.print_to_log_file(f"WARNING: {error}; trying the next one of {FINAL}, {LATEST} and {BEST}")
            damaged.append(error)
        else:
            if damaged:
                trainer.print_to_log_file(f"The training goes on with epoch {trainer.current_epoch} from {file}")
            return
    if damaged:
        raise damaged[0]
    trainer.print_to_log_file(f"No checkpoint in {trainer.output_folder} to continue from: a new training starts")
