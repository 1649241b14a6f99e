"""What plans and dataset.json say of a model: one object for all that prepare images, build networks or export."""

from dataclasses import dataclass
from typing import Any

from nnunetv2.utilities.label_handling.label_handling import LabelManager
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager


@dataclass(frozen=True)
class ModelDescription:
    """A configuration of plans, with the labels and the content of the dataset.json that belongs to the model."""

    plans: PlansManager
    configuration: ConfigurationManager
    labels: LabelManager
    dataset_json: dict[str, Any]

    @classmethod
    def of(
        cls, plans: PlansManager, configuration: ConfigurationManager, dataset_json: dict[str, Any]
    ) -> "ModelDescription":
        """Describe a model whose labels are those of its dataset.json."""
        return cls(plans, configuration, plans.get_label_manager(dataset_json), dataset_json)
