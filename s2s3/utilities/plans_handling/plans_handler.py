"""The only readers of plans.json: PlansManager for the whole, ConfigurationManager for one configuration."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import partial
from os.path import join
from typing import TYPE_CHECKING, Any

import nnunetv2
from nnunetv2.errors import SettingsError
from nnunetv2.file_kinds.network_arguments import spelled_out, stride_problems, uneven_strides
from nnunetv2.file_kinds.plans_files import PLANS
from nnunetv2.foundation.files import raise_problems, read_json
from nnunetv2.foundation.late_names import late_names

# Clients replace these two names in this module; they have to be called through it.
from nnunetv2.utilities.find_class_by_name import derives_from, is_of_client, recursive_find_python_class
from nnunetv2.utilities.label_handling.label_handling import get_labelmanager_class_from_plans
from nnunetv2.utilities.plans_handling.configuration_entries import ConfigurationEntries
from nnunetv2.utilities.plans_handling.inheritance import check_configuration, with_inherited
from nnunetv2.utilities.plans_handling.old_plans import add_architecture
from nnunetv2.utilities.plans_handling.plans_entries import check_call, describe_plans, named_by, required_entry

if TYPE_CHECKING:
    from nnunetv2.utilities.label_handling.label_handling import LabelManager
    from s1.json_schema import Problem

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(
    __name__,
    {
        "nnunetv2.imageio.reader_writer_registry": ("recursive_find_reader_writer_by_name",),
        "nnunetv2.preprocessing.resampling.utils": ("recursive_find_resampling_fn_by_name",),
    },
)


def _find_class(sub_package: str, name: Any, base: type) -> Any:
    """Return the class of this name below `base` in a package of nnunetv2, None if there is none."""
    if not isinstance(name, str):
        return None
    package = f"nnunetv2.{sub_package}"
    found = recursive_find_python_class(join(nnunetv2.__path__[0], sub_package), name, package)
    is_suitable = found is not None and (derives_from(found, base) or is_of_client(found, package, name))
    return found if is_suitable else None


class ConfigurationManager(ConfigurationEntries):
    """One configuration of the plans, inheritance resolved; absent entries raise MissingEntryError, a KeyError.

    Raises nothing for values of wrong types: clients pass dicts of their own, and files are checked by PlansManager.

    `configuration` is the dict behind the properties. It may be changed; for plans from before nnU-Net 2.3.1 an
    `architecture` block is added. `source` says in messages where it comes from.
    """

    def __init__(self, configuration_dict: dict[str, Any], source: str = "plans"):
        self.configuration = configuration_dict
        self.source = source
        if "architecture" not in self.configuration:
            warnings.warn("These plans are older than nnU-Net 2.3.1; reading them as such", stacklevel=2)
            with named_by(self):
                add_architecture(self.configuration)

    def __repr__(self) -> str:
        return repr(self.configuration)

    def _network_argument(self, key: str) -> Any:
        return required_entry(self.network_arch_init_kwargs, key, f"{self.source}: the block 'arch_kwargs'")

    @property
    def preprocessor_class(self) -> Any:
        """The subclass of DefaultPreprocessor in nnunetv2.preprocessing called `preprocessor_name`, None if none is."""
        from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor

        return _find_class("preprocessing", self.preprocessor_name, DefaultPreprocessor)

    @property
    def pool_op_kernel_sizes(self) -> list[list[int]]:
        """Strides of each stage and axis. Raises InvalidValueError if they are none."""
        strides = self._network_argument("strides")
        self._refuse(stride_problems(self.network_arch_init_kwargs))
        if isinstance(strides, int) or any(isinstance(stride, int) for stride in strides):
            strides = spelled_out(strides, self._network_argument("n_stages"), len(self.patch_size))
        self._refuse(uneven_strides(strides))
        return strides

    def _refuse(self, problems: list[Problem]) -> None:
        """Raise InvalidValueError, unless the list of what is wrong with the network's arguments is empty."""
        raise_problems([p.inside("arch_kwargs").inside("architecture") for p in problems], self.source, PLANS)

    @property
    def resampling_fn_data(self) -> Callable[..., Any]:
        """Called as fn(data, new_shape, current_spacing, new_spacing), like the two below."""
        return self._resampling_function("resampling_fn_data")

    @property
    def resampling_fn_probabilities(self) -> Callable[..., Any]:
        """Resamples what the network predicts to the shape of the image."""
        return self._resampling_function("resampling_fn_probabilities")

    @property
    def resampling_fn_seg(self) -> Callable[..., Any]:
        """Resamples segmentations."""
        return self._resampling_function("resampling_fn_seg")

    def _resampling_function(self, key: str) -> Callable[..., Any]:
        from nnunetv2.preprocessing.resampling.utils import recursive_find_resampling_fn_by_name

        keywords = self._get(f"{key}_kwargs")
        with named_by(self, key):
            function = recursive_find_resampling_fn_by_name(self._get(key))
            check_call(function, keywords)
        return partial(function, **keywords)


class PlansManager:
    """The content of a plans file; `plans` is the dict itself, which may be passed instead of a path.

    A file is checked: as a whole when it is read, and a configuration when it is asked for, so that one that is broken
    does not hinder the use of another. A dict is taken as it is. `source` says in messages where it comes from.
    """

    def __init__(self, plans_file_or_dict: str | os.PathLike[str] | dict[str, Any]):
        given = plans_file_or_dict
        self._is_file = not isinstance(given, dict)
        self.plans: dict[str, Any] = given if isinstance(given, dict) else read_json(given, PLANS)
        self.source = describe_plans(given) if isinstance(given, dict) else os.fspath(given)
        self._configurations: dict[str, ConfigurationManager] = {}

    def __repr__(self) -> str:
        return repr(self.plans)

    def _get(self, key: str) -> Any:
        return required_entry(self.plans, key, self.source)

    def get_configuration(self, configuration_name: str) -> ConfigurationManager:
        """Return a configuration, the same object at each call for a name.

        Its dict is a copy of the entry in the plans, merged over that of its parent. Raises SettingsError (a
        RuntimeError) for an unknown name or circular inheritance, InvalidValueError for an unknown parent or, in plans
        from a file, for wrong entries, one line each.
        """
        if configuration_name not in self._configurations:
            if configuration_name not in self._get("configurations"):
                raise SettingsError(
                    f"Configuration {configuration_name} not found in plans {self.plans.get('plans_name', '')}. "
                    f"Available configurations: {', '.join(self.available_configurations)}"
                )
            resolved = with_inherited(configuration_name, self.plans["configurations"], self.source)
            if self._is_file:
                check_configuration(configuration_name, resolved, self.plans, self.source)
            self._configurations[configuration_name] = ConfigurationManager(resolved, self.source)
        return self._configurations[configuration_name]

    @property
    def dataset_name(self) -> str:
        """Dataset that was planned, such as Dataset004_Hippocampus."""
        return self._get("dataset_name")

    @property
    def plans_name(self) -> str:
        """Identifier of the plans, such as nnUNetPlans."""
        return self._get("plans_name")

    @property
    def original_median_spacing_after_transp(self) -> list[float]:
        """Median spacing of the images, axes transposed."""
        return self._get("original_median_spacing_after_transp")

    @property
    def original_median_shape_after_transp(self) -> list[int]:
        """Median shape of the images, axes transposed."""
        return self._get("original_median_shape_after_transp")

    @property
    def image_reader_writer_class(self) -> Any:
        """The reader that the plans name; a RuntimeError if there is no class of this name."""
        from nnunetv2.imageio.reader_writer_registry import recursive_find_reader_writer_by_name

        name = self._get("image_reader_writer")
        with named_by(self, "image_reader_writer"):
            return recursive_find_reader_writer_by_name(name)

    @property
    def transpose_forward(self) -> list[int]:
        """Order of an image's axes in preprocessed data."""
        return self._get("transpose_forward")

    @property
    def transpose_backward(self) -> list[int]:
        """The order that undoes `transpose_forward`."""
        return self._get("transpose_backward")

    @property
    def available_configurations(self) -> list[str]:
        """Names of all configurations."""
        return list(self._get("configurations"))

    @property
    def experiment_planner_class(self) -> Any:
        """The subclass of ExperimentPlanner in nnunetv2.experiment_planning of this name, None if there is none."""
        from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner

        return _find_class("experiment_planning", self.experiment_planner_name, ExperimentPlanner)

    @property
    def experiment_planner_name(self) -> str:
        """Name of the class that made the plans."""
        return self._get("experiment_planner_used")

    @property
    def label_manager_class(self) -> type[LabelManager]:
        """The class that the plans name, by default LabelManager."""
        with named_by(self, "label_manager"):
            return get_labelmanager_class_from_plans(self.plans)

    def get_label_manager(self, dataset_json: dict[str, Any], **kwargs: Any) -> LabelManager:
        """Return the label manager of a dataset; `kwargs` are passed to its class."""
        labels = required_entry(dataset_json, "labels", "dataset.json")
        return self.label_manager_class(labels, dataset_json.get("regions_class_order"), **kwargs)

    @property
    def foreground_intensity_properties_per_channel(self) -> dict[str, dict[str, float]]:
        """Channel -> statistics of the foreground's intensities over the dataset."""
        if "foreground_intensity_properties_per_channel" not in self.plans:
            return required_entry(self.plans, "foreground_intensity_properties_by_modality", "plans")
        return self.plans["foreground_intensity_properties_per_channel"]
