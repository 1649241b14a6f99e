"""Constructors of planners: they differ in the defaults of two arguments, which are attributes of the class."""

from collections.abc import Callable
from typing import Any, ClassVar


class PlannerDefaults:
    """Gives each planner that names its plans, or its amount of memory, a constructor with these as defaults.

    The signature is nnU-Net's, so that programs which read it, or pass arguments by position, find what they expect.
    A planner with an `__init__` of its own keeps that.
    """

    usual_plans_name: ClassVar[str] = "nnUNetPlans"
    usual_memory_gb: ClassVar[float] = 8

    def __init_subclass__(cls, **settings: Any):
        super().__init_subclass__(**settings)
        own = vars(cls)
        if "__init__" not in own and ("usual_plans_name" in own or "usual_memory_gb" in own):
            cls.__init__ = _constructor(cls)  # type: ignore[method-assign]


def _constructor(planner: type[PlannerDefaults]) -> Callable[..., None]:
    def __init__(
        self: Any,
        dataset_name_or_id: str | int,
        gpu_memory_target_in_gb: float = planner.usual_memory_gb,
        preprocessor_name: str = "DefaultPreprocessor",
        plans_name: str = planner.usual_plans_name,
        overwrite_target_spacing: list[float] | tuple[float, ...] | None = None,
        suppress_transpose: bool = False,
    ) -> None:
        further = (preprocessor_name, plans_name, overwrite_target_spacing, suppress_transpose)
        super(planner, self).__init__(dataset_name_or_id, gpu_memory_target_in_gb, *further)

    return __init__
