"""The steps of `nnUNetv2_train`, which can also be called from Python.

Clients replace steps in the module `run_training`; they are looked up there (`public`).
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from os.path import isfile, join
from pathlib import Path

import torch
from torch.backends import cudnn

from nnunetv2.errors import ArgumentError, DriftError, MissingFileError, SettingsError
from nnunetv2.file_kinds.dataset_files import MODEL_DATASET
from nnunetv2.file_kinds.network_arguments import patch_problems
from nnunetv2.file_kinds.plans_files import PLANS
from nnunetv2.foundation.files import raise_problems, read_json
from nnunetv2.foundation.freed_memory import keep_freed_memory
from nnunetv2.foundation.torch_threads import set_threads_for
from nnunetv2.model_sharing.model_advice import BEST, FINAL
from nnunetv2.run import run_training as public
from nnunetv2.run.gpu_processes import find_free_network_port, run_on_gpus
from nnunetv2.run.load_pretrained_weights import load_pretrained_weights, put_weights, weights_of
from nnunetv2.run.rank_group import as_launched_rank, is_launched, join_group, leave_group, naming_missing_ranks
from nnunetv2.run.start_checkpoints import checkpoint_to_validate, load_newest, refuse_own_checkpoint
from nnunetv2.training.dataloading.case_splits import fold_of
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.training.run_folder.run_folders import require_preprocessed
from nnunetv2.training.run_folder.run_log import say
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

__all__ = [
    "cleanup_ddp",
    "find_free_network_port",
    "get_trainer_from_args",
    "maybe_load_checkpoint",
    "run_ddp",
    "run_training",
    "set_up_device",
    "setup_ddp",
]

CUDA = torch.device("cuda")
DEFAULT_PLANS = "nnUNetPlans"


def set_up_device(name: str, known: Sequence[str]) -> torch.device:
    """Return the device; set the number of torch's threads and what the process does with freed memory for it."""
    if name not in known:
        raise ArgumentError(f"-device {name}: expected one of {', '.join(known)}; CUDA_VISIBLE_DEVICES selects the GPU")
    set_threads_for(name)
    if name == "cpu":
        keep_freed_memory()
    return torch.device(name)


def get_trainer_from_args(
    dataset_name_or_id: int | str,
    configuration: str,
    fold: int | str,
    trainer_name: str = "nnUNetTrainer",
    plans_identifier: str = DEFAULT_PLANS,
    continue_training: bool = False,
    device: torch.device = CUDA,
    *,
    use_compressed: bool | None = None,
) -> nnUNetTrainer:
    """Return the trainer of one fold, not yet initialised.

    Parameters:
        dataset_name_or_id: of a dataset in nnUNet_preprocessed.
        fold: a number or 'all'.
        use_compressed: ignored; nnU-Net had it until 2.5.
    """
    if isinstance(continue_training, torch.device):  # a call in the old order, without continue_training
        continue_training, device = False, continue_training
    trainer_class = public.recursive_find_trainer_class_by_name(trainer_name)
    if plans_identifier == DEFAULT_PLANS:
        say("INFO: these are the default plans; the ResEnc presets (-p nnUNetResEncUNetMPlans, ...) are more accurate")
    folder = join(public.nnUNet_preprocessed, public.maybe_convert_to_dataset_name(dataset_name_or_id))
    manager = PlansManager(_planned(join(folder, f"{plans_identifier}.json"), dataset_name_or_id))
    _check_network(manager, configuration, trainer_class)
    plans = {**manager.plans, "continue_training": continue_training}
    dataset_json = read_json(_planned(join(folder, "dataset.json"), dataset_name_or_id), MODEL_DATASET)
    return trainer_class(
        plans=plans, configuration=configuration, fold=fold_of(fold), dataset_json=dataset_json, device=device
    )


def _check_network(plans: PlansManager, configuration: str, trainer_class: type[nnUNetTrainer]) -> None:
    """Raise InvalidValueError for wrong entries, also for those that do not fit the network of the plans."""
    content = plans.get_configuration(configuration).configuration
    if trainer_class.build_network_architecture is nnUNetTrainer.build_network_architecture:
        problems = [problem.inside(configuration) for problem in patch_problems(content)]
        raise_problems([problem.inside("configurations") for problem in problems], plans.source, PLANS)


def _planned(file: str, dataset: int | str) -> str:
    if not isfile(file):
        raise MissingFileError(
            f"{file} not found: the dataset was not planned and preprocessed; run "
            f"`nnUNetv2_plan_and_preprocess -d {dataset}` first, or choose other plans with -p"
        )
    return file


def maybe_load_checkpoint(
    nnunet_trainer: nnUNetTrainer,
    continue_training: bool,
    validation_only: bool,
    pretrained_weights_file: str | None = None,
    val_with_best: bool = False,
) -> None:
    """Load the checkpoint to continue from, to validate or to start from, if any.

    To continue, this is the first whole one of final, latest and best; without any, a new training starts. To
    validate, it is the final one or, `val_with_best`, the best.
    """
    if continue_training and pretrained_weights_file is not None:
        raise SettingsError("--c continues from a checkpoint of this run and excludes -pretrained_weights")
    if continue_training:
        load_newest(nnunet_trainer)
    elif validation_only:
        if pretrained_weights_file is not None:
            nnunet_trainer.print_to_log_file(
                "-pretrained_weights is not used: --val validates the weights of this fold"
            )
        nnunet_trainer.load_checkpoint(checkpoint_to_validate(nnunet_trainer.output_folder, val_with_best))
    elif pretrained_weights_file is not None:
        refuse_own_checkpoint(pretrained_weights_file, nnunet_trainer.output_folder)
        _start_from(nnunet_trainer, pretrained_weights_file)


def _start_from(trainer: nnUNetTrainer, weights_file: str) -> None:
    """Build the network if that was not done, and give it weights from a file, which is read once."""
    weights = None if trainer.was_initialized else weights_of(weights_file)
    if weights is not None:
        trainer.follow_pretrained(weights)
        trainer.initialize()
    if weights is not None and public.load_pretrained_weights is load_pretrained_weights:
        put_weights(trainer.network, weights, weights_file, verbose=True)
    else:  # a client's own
        public.load_pretrained_weights(trainer.network, weights_file, verbose=True)


def run_training(
    dataset_name_or_id: str | int,
    configuration: str,
    fold: int | str,
    trainer_class_name: str = "nnUNetTrainer",
    plans_identifier: str = DEFAULT_PLANS,
    pretrained_weights: str | None = None,
    num_gpus: int = 1,
    export_validation_probabilities: bool = False,
    continue_training: bool = False,
    only_run_validation: bool = False,
    disable_checkpointing: bool = False,
    val_with_best: bool = False,
    device: torch.device = CUDA,
    *,
    use_compressed_data: bool | None = None,
) -> None:
    """Train and validate, on one device or on several GPUs; started by torchrun, as one of its processes.

    The parameters are the flags of `nnUNetv2_train`; `use_compressed_data` is ignored, nnU-Net had it until 2.5.
    """
    _check_arguments(num_gpus, continue_training, only_run_validation, disable_checkpointing, val_with_best, device)
    fold = fold_of(fold)
    check_device(device, num_gpus)
    if _starts_as_usual(public.recursive_find_trainer_class_by_name(trainer_class_name)):
        _check_preprocessed(dataset_name_or_id, configuration, plans_identifier)
    if num_gpus > 1:
        names = (dataset_name_or_id, configuration, fold, trainer_class_name, plans_identifier)
        flags = (disable_checkpointing, continue_training, only_run_validation, pretrained_weights)
        run_on_gpus(
            public.run_ddp, num_gpus, (*names, *flags, export_validation_probabilities, val_with_best, num_gpus)
        )
        return
    with as_launched_rank(device) as own_device:
        trainer = public.get_trainer_from_args(
            dataset_name_or_id, configuration, fold, trainer_class_name, plans_identifier, continue_training, own_device
        )
        trainer.disable_checkpointing = disable_checkpointing
        with _leaving_nothing_of_a_failed_start(trainer):
            public.maybe_load_checkpoint(
                trainer, continue_training, only_run_validation, pretrained_weights, val_with_best
            )
            _train_and_validate(trainer, only_run_validation, val_with_best, export_validation_probabilities)


@contextmanager
def _leaving_nothing_of_a_failed_start(trainer: nnUNetTrainer) -> Iterator[None]:
    """After an error in the input, remove the output folder if it contains nothing but the log of this run (rank 0)."""
    try:
        yield
    except DriftError:
        folder = Path(trainer.output_folder)
        if trainer.local_rank == 0 and {str(file) for file in folder.iterdir()} <= {trainer.log_file}:
            shutil.rmtree(folder)
            with suppress(OSError):  # the folder of the model or of the dataset is not empty
                folder.parent.rmdir()
                folder.parent.parent.rmdir()
        raise


def _train_and_validate(trainer: nnUNetTrainer, only_validation: bool, with_best: bool, probabilities: bool) -> None:
    if torch.cuda.is_available():
        cudnn.deterministic = False
        cudnn.benchmark = True
    if not only_validation:
        _announce_repetition(trainer)
        trainer.run_training()
    if with_best and not only_validation:
        trainer.load_checkpoint(join(trainer.output_folder, BEST))
    trainer.perform_actual_validation(probabilities)


def _announce_repetition(trainer: nnUNetTrainer) -> None:
    if trainer.current_epoch == 0 and isfile(join(trainer.output_folder, FINAL)):
        trainer.print_to_log_file(f"This training replaces the finished one in {trainer.output_folder}")


def _check_arguments(
    num_gpus: int, resume: bool, validate: bool, no_checkpoints: bool, with_best: bool, device: torch.device
) -> None:
    if resume and validate:
        raise ArgumentError("--c continues a training and --val only validates a finished one: use one of them")
    if with_best and no_checkpoints:
        raise ArgumentError("--val_best needs checkpoint_best, which --disable_checkpointing does not write")
    if num_gpus > 1 and is_launched():
        raise ArgumentError(f"-num_gpus {num_gpus} starts processes as torchrun does: leave it out, or torchrun")
    if num_gpus > 1 and device.type != "cuda":
        raise ArgumentError(f"-num_gpus {num_gpus} needs -device cuda, got -device {device.type}")


def check_device(device: torch.device, num_gpus: int) -> None:
    """Raise SettingsError if there is no such device here."""
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SettingsError("no CUDA device is available; train on the CPU with -device cpu")
    if device.type == "cuda" and num_gpus > torch.cuda.device_count():
        raise SettingsError(f"-num_gpus {num_gpus}, but only {torch.cuda.device_count()} CUDA devices are available")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise SettingsError("no MPS device is available; train on the CPU with -device cpu")


def _starts_as_usual(trainer_class: type[nnUNetTrainer]) -> bool:
    """Tell whether a trainer needs the plans and the preprocessed cases as they are; others may change or make them."""
    return all(getattr(trainer_class, name) is getattr(nnUNetTrainer, name) for name in ("__init__", "initialize"))


def _check_preprocessed(dataset: int | str, configuration: str, plans_identifier: str) -> None:
    folder = join(public.nnUNet_preprocessed, public.maybe_convert_to_dataset_name(dataset))
    plans = PlansManager(_planned(join(folder, f"{plans_identifier}.json"), dataset))
    options = "" if plans_identifier == DEFAULT_PLANS else f" -plans_name {plans_identifier}"
    require_preprocessed(
        join(folder, plans.get_configuration(configuration).data_identifier),
        f"nnUNetv2_preprocess -d {dataset}{options} -c {configuration}",
    )


def setup_ddp(rank: int, world_size: int) -> None:
    """Join the process group of a distributed training."""
    os.environ.update(LOCAL_RANK=str(rank), LOCAL_WORLD_SIZE=str(world_size))
    join_group(rank, world_size, "nccl" if torch.cuda.is_available() else "gloo")


def cleanup_ddp() -> None:
    """Leave the process group of a distributed training."""
    leave_group()


def run_ddp(
    rank: int,
    dataset_name_or_id: int | str,
    configuration: str,
    fold: int | str,
    tr: str,
    p: str,
    disable_checkpointing: bool,
    c: bool,
    val: bool,
    pretrained_weights: str | None,
    npz: bool,
    val_with_best: bool,
    world_size: int,
) -> None:
    """Train and validate as one of `world_size` processes, each on its own GPU."""
    setup_ddp(rank, world_size)
    torch.cuda.set_device(torch.device("cuda", rank))
    set_threads_for("cuda")
    trainer = public.get_trainer_from_args(dataset_name_or_id, configuration, fold, tr, p, c)
    trainer.disable_checkpointing = disable_checkpointing
    with naming_missing_ranks(), _leaving_nothing_of_a_failed_start(trainer):
        public.maybe_load_checkpoint(trainer, c, val, pretrained_weights, val_with_best)
        _train_and_validate(trainer, val, val_with_best, npz)
    cleanup_ddp()
