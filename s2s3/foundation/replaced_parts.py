"""Tells whether a client has put something of its own in the place of parts that another way of working leaves out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class OriginalParts:
    """Methods of a class and functions of a module, as they were when the module was imported."""

    methods: Mapping[str, Any]
    functions: Mapping[str, Any]
    namespace: Mapping[str, Any]
    """The globals of the module."""
    were_original: bool = True
    """Whether the methods are of the modules of their classes: a client may have replaced one before it was noted."""

    @classmethod
    def of(
        cls,
        kind: type,
        methods: Sequence[str],
        namespace: Mapping[str, Any] | None = None,
        functions: Sequence[str] = (),
    ) -> "OriginalParts":
        """Note the methods of a class, and the functions of a module if one is given by its globals."""
        namespace = {} if namespace is None else namespace
        return cls(
            MappingProxyType({name: getattr(kind, name) for name in methods}),
            MappingProxyType({name: namespace[name] for name in functions}),
            namespace,
            all(_is_of_its_class(kind, name) for name in methods),
        )

    @classmethod
    def of_module(cls, namespace: Mapping[str, Any], functions: Sequence[str]) -> "OriginalParts":
        """Note functions of a module; at its end, so that nobody can have replaced one before."""
        return cls.of(object, (), namespace, functions)

    def are_in_use(self, instance: object = None) -> bool:
        """Tell whether neither a subclass, nor the class, nor the instance, nor the module has anything else."""
        methods = all(
            getattr(getattr(instance, name), "__func__", None) is method for name, method in self.methods.items()
        )
        return (
            self.were_original
            and methods
            and all(self.namespace[name] is function for name, function in self.functions.items())
        )


def _is_of_its_class(kind: type, name: str) -> bool:
    """Tell whether the class that has a method is of the module that has its text."""
    owner = next(one for one in kind.__mro__ if name in vars(one))
    return bool(getattr(kind, name).__module__ == owner.__module__)
