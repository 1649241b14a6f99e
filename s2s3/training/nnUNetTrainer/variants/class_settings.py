"""Settings as attributes of a variant's class."""

from typing import Any


class ClassSettings:
    """Mixed in before a trainer: what the class bodies of variants say wins over what the constructor sets.

    Code that sets the attributes of an object after its construction still has the last word.
    """

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        variants = [kind for kind in type(self).__mro__ if issubclass(kind, ClassSettings)]
        for name in [name for name in vars(self) if any(name in vars(variant) for variant in variants)]:
            delattr(self, name)
