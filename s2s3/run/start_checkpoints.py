"""Which checkpoint a validation uses, and which ones a training may start from."""

from os.path import isfile, join
from pathlib import Path

from nnunetv2.errors import CheckpointError, SettingsError
from nnunetv2.model_sharing.model_advice import BEST, FINAL, describe_fold, train_command
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
