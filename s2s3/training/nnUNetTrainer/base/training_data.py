"""The trainer hooks that split, load and augment the cases."""

from collections.abc import Sequence
from functools import partial
from os.path import join
from typing import Any

from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform

from nnunetv2.training.data_augmentation.default_pipeline import (
    rotation_and_initial_patch_size,
    training_pipeline,
    validation_pipeline,
)
from nnunetv2.training.dataloading.case_splits import split_into_fold
from nnunetv2.training.dataloading.loader_factory import (
    build_augmenters,
    num_loader_processes,
    start_loader,
    step_stream,
    training_loader,
    validation_loader,
    with_seed,
)
from nnunetv2.training.nnUNetTrainer.base.remembered_calls import results_of
from nnunetv2.training.nnUNetTrainer.base.replaceable import trainer_module
from nnunetv2.training.nnUNetTrainer.base.training_setup import TrainingSetup
from nnunetv2.training.ranks import batch_sizes, current_ranks
from nnunetv2.training.run_folder.run_folders import require_preprocessed
from nnunetv2.training.validation.next_stage import require_previous_stage


class TrainingData(TrainingSetup):
    """Splits, datasets, loaders and augmentation of a training."""

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(
        self,
    ) -> tuple[Any, bool, Any, tuple[int, ...] | None]:
        """Return rotation range, dummy 2D augmentation, initial patch size and mirror axes (stored for inference)."""
        settings = rotation_and_initial_patch_size(
            self.configuration_manager.patch_size, trainer_module().get_patch_size
        )
        self.print_to_log_file(f"do_dummy_2d_data_aug: {settings[1]}")
        self.inference_allowed_mirroring_axes = settings[3]
        return settings

    @staticmethod
    def get_training_transforms(
        patch_size: Sequence[int],
        rotation_for_DA: Any,
        deep_supervision_scales: Sequence[Sequence[float]] | None,
        mirror_axes: Sequence[int] | None,
        do_dummy_2d_data_aug: bool,
        use_mask_for_norm: Sequence[bool] | None = None,
        is_cascaded: bool = False,
        foreground_labels: Sequence[int] | None = None,
        regions: Sequence[Any] | None = None,
        ignore_label: int | None = None,
        **of_older_forms: Any,
    ) -> BasicTransform:
        """Return the augmentation as a ComposeTransforms; keywords of nnU-Net before 2.5 are ignored."""
        return training_pipeline(
            patch_size,
            rotation_for_DA,
            deep_supervision_scales,
            mirror_axes,
            do_dummy_2d_data_aug,
            use_mask_for_norm,
            is_cascaded,
            foreground_labels,
            regions,
            ignore_label,
            kinds=trainer_module(),
        )

    @staticmethod
    def get_validation_transforms(
        deep_supervision_scales: Sequence[Sequence[float]] | None,
        is_cascaded: bool = False,
        foreground_labels: Sequence[int] | None = None,
        regions: Sequence[Any] | None = None,
        ignore_label: int | None = None,
    ) -> BasicTransform:
        """Return the transforms of validation patches as a ComposeTransforms."""
        return validation_pipeline(
            deep_supervision_scales, is_cascaded, foreground_labels, regions, ignore_label, kinds=trainer_module()
        )

    def _all_cases(self) -> list[str]:
        folder = require_preprocessed(self.preprocessed_dataset_folder)
        return sorted(self.dataset_class.get_identifiers(folder))

    def do_split(self) -> tuple[list[str], list[str]]:
        """Return the identifiers of the training and the validation cases of the fold."""
        cases = self._all_cases()
        self.dataset_domains.check(cases)
        fold = split_into_fold(
            cases,
            self.fold,
            join(self._preprocessed_base(), "splits_final.json"),
            partial(self.domain_sampling.make_splits, plain_splits=trainer_module().generate_crossval_split),
            self.domain_sampling.check_splits,
            self.print_to_log_file,
        )
        return fold.train, fold.val

    def get_tr_and_val_datasets(self) -> tuple[Any, Any]:
        """Return the datasets of training and validation cases."""
        train, val = self.do_split()
        require_previous_stage(self.folder_with_segs_from_previous_stage, sorted({*train, *val}))
        return self._dataset(train), self._dataset(val)

    def _dataset(self, cases: list[str]) -> Any:
        return self.dataset_class(
            self.preprocessed_dataset_folder,
            cases,
            folder_with_segs_from_previous_stage=self.folder_with_segs_from_previous_stage,
        )

    def get_dataloaders(self) -> tuple[Any, Any]:
        """Return endless iterators over training and validation batches; each has already made its first batch.

        With a seed none is made before the first step, which takes it.
        """
        train_transforms, val_transforms, initial_patch_size = self._transforms()
        dataset_train, dataset_val = self.get_tr_and_val_datasets()
        self.domain_sampling.begin_fold(dataset_train.identifiers, self.print_to_log_file)
        sizes = batch_sizes(self.configuration_manager.batch_size, self.batch_size)
        ranks, names = current_ranks(), trainer_module()
        streams, stream = self.random_streams, step_stream(sizes, ranks.rank)
        train = training_loader(
            names.nnUNetDataLoader,
            dataset_train,
            *self._patches(initial_patch_size),
            case_domains=self.domain_sampling.case_domains(dataset_train.identifiers),
            ratios=self.domain_sampling.train_ratios,
            stream=stream,
            **self._loader_options(train_transforms),
        )
        val = validation_loader(
            names.nnUNetDataLoader,
            dataset_val,
            *self._patches(self.configuration_manager.patch_size),
            parts=self.domain_sampling.validation_parts(dataset_val.identifiers),
            first_batch=ranks.rank if streams.seed is None else 0,
            **self._loader_options(val_transforms),
        )
        augmenters = build_augmenters(
            with_seed(train, streams, "training", self._steps_of_epoch().start + self._so_far.steps, stream),
            with_seed(val, streams, "validation", self.current_epoch * self.num_val_iterations_per_epoch, stream),
            num_loader_processes(names.get_allowed_n_proc_DA, self.device.type, ranks.neighbours),
            pin_memory=self.device.type == "cuda",
            in_this_process=names.SingleThreadedAugmenter,
            in_processes=names.NonDetMultiThreadedAugmenter,
        )
        if streams.seed is None:
            for augmenter in augmenters:
                next(augmenter)
        return augmenters

    def _steps_of_epoch(self, epochs_from_now: int = 0) -> range:
        """Return the numbers of the training steps of an epoch, counted from the first step of the training."""
        first = (self.current_epoch + epochs_from_now) * self.num_iterations_per_epoch
        return range(first, first + self.num_iterations_per_epoch)

    def _make_loaders(self) -> None:
        """Make the loaders; measure the domains of the cases they split, for the checkpoints, which rank 0 writes."""
        with results_of(self, "do_split") as splits:
            self.dataloader_train, self.dataloader_val = self.get_dataloaders()
        if self.random_streams.seed is not None:
            start_loader(self.dataloader_train)
            start_loader(self.dataloader_val)
        if self.local_rank == 0 and self.domain_scoring.names:
            train, val = splits[-1] if splits else self.do_split()
            self.domain_scoring.measure(self._dataset(sorted({*train, *val})))

    def _transforms(self) -> tuple[BasicTransform, BasicTransform, Sequence[int]]:
        """Return both pipelines and the size of the patches to cut for training."""
        scales = self._get_deep_supervision_scales()
        rotation, dummy_2d, initial_size, mirror = self.configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        labels = self.label_manager
        shared: dict[str, Any] = {
            "is_cascaded": self.is_cascaded,
            "foreground_labels": labels.foreground_labels,
            "regions": labels.foreground_regions if labels.has_regions else None,
            "ignore_label": labels.ignore_label,
        }
        size, masked = self.configuration_manager.patch_size, self.configuration_manager.use_mask_for_norm
        train = self.get_training_transforms(
            size, rotation, scales, mirror, dummy_2d, use_mask_for_norm=masked, **shared
        )
        return train, self.get_validation_transforms(scales, **shared), initial_size

    def _patches(self, patch_size: Sequence[int]) -> tuple[Any, ...]:
        return self.batch_size, patch_size, self.configuration_manager.patch_size, self.label_manager

    def _loader_options(self, transforms: BasicTransform) -> dict[str, Any]:
        return {
            "oversample_foreground_percent": self.oversample_foreground_percent,
            "sampling_probabilities": None,
            "pad_sides": None,
            "probabilistic_oversampling": self.probabilistic_oversampling,
            "transforms": transforms,
        }
