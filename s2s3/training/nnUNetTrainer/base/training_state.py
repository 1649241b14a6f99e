"""A trainer before it starts: its arguments, folders and settings, with all other attributes still unset.

Settings are plain attributes, read as late as possible: trainers set them in the class body or after
`super().__init__`.
"""

import os
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from os.path import join
from typing import Any

import torch

from nnunetv2.boundary.edge_branch import EdgeBranch, NoEdgeBranch, plain_network
from nnunetv2.domains.dataset_domains import DatasetDomains
from nnunetv2.errors import SettingsError
from nnunetv2.foundation.files import make_folder, write_json
from nnunetv2.foundation.random_streams import NoSeed, RandomStreams, requested_seed, streams_of
from nnunetv2.training.checkpoints.earlier_checkpoints import OwnCheckpoints
from nnunetv2.training.checkpoints.epoch_so_far import EpochSoFar
from nnunetv2.training.domain_balance.domain_sampling import DomainSampling, StockSampling
from nnunetv2.training.domain_balance.domain_scoring import DomainScoring, StockScoring
from nnunetv2.training.logging.background_drawing import BackgroundDrawing
from nnunetv2.training.nnUNetTrainer.base.replaceable import trainer_module
from nnunetv2.training.ranks import current_ranks
from nnunetv2.training.run_folder import run_log
from nnunetv2.training.run_folder.run_folders import RunName, run_folders
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager

CUDA = torch.device("cuda")


class TrainingState:
    """The attributes of a training, under nnU-Net's names."""

    initial_lr = 1e-2
    weight_decay = 3e-5
    oversample_foreground_percent = 0.33
    probabilistic_oversampling = False
    num_iterations_per_epoch = 250
    num_val_iterations_per_epoch = 50
    num_epochs = 1000
    enable_deep_supervision = True
    save_every = 50
    disable_checkpointing = False
    stop_at_non_finite_loss = True
    """End at the first training step whose loss is not a finite number, unlike nnU-Net."""
    training_seed: int | None = None
    """Seed of all random numbers; None: none, as in nnU-Net. The environment variable DRIFT_SEED goes before it."""

    def __init__(
        self,
        plans: dict[str, Any],
        configuration: str,
        fold: int | str,
        dataset_json: dict[str, Any],
        device: torch.device = CUDA,
        *device_of_older_form: torch.device,
        unpack_dataset: bool = True,
    ):
        """Store the arguments of a training and create its output folder.

        Parameters:
            plans: content of the plans file; its entry `continue_training` tells whether this is a resumed run.
            configuration: name of a configuration in the plans.
            fold: number of the fold, or 'all'.
            dataset_json: content of dataset.json.
            device: where to train. Trainers from before nnU-Net 2.6 pass `unpack_dataset` here and the device after it.
            unpack_dataset: ignored; accepted for the same trainers.
        """
        if isinstance(device, bool):
            unpack_dataset, device = device, (*device_of_older_form, CUDA)[0]
        continues = bool(plans.get("continue_training", False))
        if "continue_training" in plans:
            plans = {key: value for key, value in plans.items() if key != "continue_training"}
        self.my_init_kwargs: dict[str, Any] = {
            "plans": plans,
            "configuration": configuration,
            "fold": fold,
            "dataset_json": dataset_json,
            "device": device,
        }
        self.unpack_dataset = unpack_dataset
        self._take_arguments(trainer_module().PlansManager(plans), configuration, fold, dataset_json, device)
        self._find_folders()
        self._declare_attributes()
        self._start_log(continues)

    def _take_arguments(
        self,
        plans_manager: PlansManager,
        configuration: str,
        fold: int | str,
        dataset_json: dict[str, Any],
        device: torch.device,
    ) -> None:
        ranks = current_ranks()
        self.is_ddp = ranks.is_ddp
        self.local_rank = ranks.rank
        self.device = ranks.device(device)
        self.plans_manager = plans_manager
        self.configuration_manager: ConfigurationManager = plans_manager.get_configuration(configuration)
        self.configuration_name = configuration
        self.dataset_json = dataset_json
        self.fold = fold
        self.label_manager = plans_manager.get_label_manager(dataset_json)

    def _find_folders(self) -> None:
        plans, configuration = self.plans_manager, self.configuration_manager
        name = RunName(plans.dataset_name, type(self).__name__, plans.plans_name, self.configuration_name, self.fold)
        previous_stage = configuration.previous_stage_name
        names = trainer_module()
        preprocessed = os.fspath(names.nnUNet_preprocessed) if names.nnUNet_preprocessed else None
        results = os.fspath(names.nnUNet_results)
        folders = run_folders(name, configuration.data_identifier, previous_stage, preprocessed, results)
        self.preprocessed_dataset_folder_base = folders.preprocessed_base
        self.preprocessed_dataset_folder = folders.preprocessed
        self.output_folder_base = folders.output_base
        self.output_folder = folders.output
        self.is_cascaded = previous_stage is not None
        self.folder_with_segs_from_previous_stage = folders.previous_stage_segmentations
        make_folder(self.output_folder, "nnUNet_results")

    def _declare_attributes(self) -> None:
        self.current_epoch = 0
        self.was_initialized = False
        self.num_input_channels: Any = None
        self.network: Any = None
        self.optimizer: Any = None
        self.lr_scheduler: Any = None
        self.loss: Any = None
        self.grad_scaler = trainer_module().GradScaler("cuda") if self.device.type == "cuda" else None
        self.dataset_class: Any = None
        self.dataloader_train: Any = None
        self.dataloader_val: Any = None
        self._best_ema: float | None = None
        self.inference_allowed_mirroring_axes: tuple[int, ...] | None = None
        self.dataset_domains = DatasetDomains()
        self.domain_sampling: StockSampling | DomainSampling = StockSampling()
        self.domain_scoring: StockScoring | DomainScoring = StockScoring()
        self.edge_branch: EdgeBranch | NoEdgeBranch = NoEdgeBranch()
        self.edge_loss_weights: Sequence[float] = ()
        self._so_far = EpochSoFar()
        self._entry_of_epoch: dict[str, Any] | None = None
        self._drawing = BackgroundDrawing()
        self._own_checkpoints = OwnCheckpoints()

    @cached_property
    def random_streams(self) -> RandomStreams | NoSeed:
        """The random numbers of the training; those of a checkpoint take their place when it is loaded."""
        return streams_of(requested_seed(self.training_seed))

    def _start_log(self, continues: bool) -> None:
        self.log_file = join(self.output_folder, run_log.log_file_name(datetime.now()))
        self.logger: Any = trainer_module().MetaLogger(self.output_folder, continues)
        description = {name: self.my_init_kwargs[name] for name in ("plans", "configuration", "fold")}
        self.logger.update_config({**description, "dataset": self.dataset_json})

    def print_to_log_file(self, *args: Any, also_print_to_console: bool = True, add_timestamp: bool = True) -> None:
        """Append a line to the log (rank 0) and print it; other ranks always print."""
        parts = run_log.with_timestamp(args) if add_timestamp else args
        if self.local_rank == 0:
            run_log.append_line(self.log_file, parts)
        if also_print_to_console or self.local_rank != 0:
            run_log.say(*parts)

    def print_plans(self) -> None:
        """Log the configuration and the rest of the plans (rank 0)."""
        if self.local_rank == 0:
            plans = {key: value for key, value in self.plans_manager.plans.items() if key != "configurations"}
            configuration = f"Configuration name: {self.configuration_name}\n {self.configuration_manager}\n"
            self.print_to_log_file(
                f"\nThis is the configuration used by this training:\n{configuration}", add_timestamp=False
            )
            self.print_to_log_file(f"These are the global plan.json settings:\n {plans}\n", add_timestamp=False)

    def _save_debug_information(self) -> None:
        """Write debug.json: all attributes as text, and the machine (rank 0)."""
        if self.local_rank == 0:
            names = [name for name in dir(self) if not name.startswith("__")]
            described = run_log.describe_state({name: getattr(self, name) for name in names})
            described |= {
                "network": type(plain_network(self.network)).__name__,
                **run_log.describe_machine(self.device),
            }
            write_json(described, join(self.output_folder, "debug.json"), sort_keys=True)

    def _preprocessed_base(self) -> str:
        """Return the dataset's preprocessed folder; SettingsError if nnUNet_preprocessed was unset."""
        if self.preprocessed_dataset_folder_base is None:
            raise SettingsError(
                "nnUNet_preprocessed was not set when this trainer was made; set it and create a new one"
            )
        return self.preprocessed_dataset_folder_base
