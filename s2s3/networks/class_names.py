"""Looks up what plans name for a network: subclasses of torch.nn.Module and, as arguments, functions of torch.

Plans may come from anybody. See `allowed_modules` for the modules that may be named; what a name leads to has to be
defined in one of them, too.
"""

import importlib
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from nnunetv2.errors import UnknownNetworkError
from nnunetv2.networks.allowed_modules import (
    ALLOWED_MODULES_VARIABLE,
    describe_roots,
    import_deepest_module,
    is_dotted_name,
    root_of,
)
from nnunetv2.utilities.find_class_by_name import derives_from

_FUNCTION_MODULES = ("torch.nn.functional", "torch.nn.init")
_HOMES_OF_FUNCTIONS = ("torch", "torch._C._nn", *_FUNCTION_MODULES)


def require_network_class(dotted_name: Any, entry: str) -> Any:
    """Return the subclass of torch.nn.Module of this name.

    Parameters:
        entry: the entry of the plans that has the name, for the message.

    Raises UnknownNetworkError if there is none, or if it lies or is defined outside the allowed modules.
    """
    from torch import nn

    found = _locate(dotted_name, entry)
    if not derives_from(found, nn.Module):
        reason = f"which is {found!r}, expected a subclass of torch.nn.Module"
        raise refusal(dotted_name, entry, "which does not exist" if found is None else reason)
    if not _is_home_of_networks(found.__module__):
        raise refusal(dotted_name, entry, f"which is defined elsewhere, in {found.__module__}")
    return found


def require_network_part(dotted_name: Any, entry: str) -> Any:
    """Like `require_network_class`, but functions in torch.nn.functional and torch.nn.init may be named, too.

    So may those that are in torch under the same name, such as torch.relu.
    """
    function = _torch_function(dotted_name)
    return require_network_class(dotted_name, entry) if function is None else function


def refusal(dotted_name: Any, entry: str, reason: str) -> UnknownNetworkError:
    """Return the error for a name: which entry of the plans, why, and what is allowed."""
    return UnknownNetworkError(
        f"plans: {entry} is {dotted_name!r}, {reason}. Networks and their layers are looked up in {describe_roots()}; "
        f"if you trust another module, name it in the environment variable {ALLOWED_MODULES_VARIABLE}"
    )


def _locate(dotted_name: Any, entry: str) -> Any:
    """Return what the name leads to, None if nothing."""
    if not is_dotted_name(dotted_name):
        raise refusal(dotted_name, entry, "expected the dotted name of a class")
    root = root_of(dotted_name)
    if root is None:
        raise refusal(dotted_name, entry, "which is not imported, because that runs it")
    try:
        module, names = import_deepest_module(dotted_name, root)
    except (Exception, SystemExit) as error:
        raise refusal(dotted_name, entry, f"which cannot be imported ({type(error).__name__}: {error})") from error
    return _attribute(module, names)


def _attribute(module: ModuleType, names: list[str]) -> Any:
    """Follow names from a module through classes, never through another module that it happens to import."""
    found: Any = module
    for name in names:
        if found is not module and not isinstance(found, type):
            return None
        found = getattr(found, name, None)
    return found


def _is_home_of_networks(module_name: str) -> bool:
    """Tell whether classes defined in a module count; of torch.nn, only its layers do."""
    return module_name.startswith("torch.nn.modules.") or root_of(module_name) not in (None, "torch.nn")


def _torch_function(dotted_name: Any) -> Any:
    """Return a function of torch that only calculates; None for all other names."""
    if not is_dotted_name(dotted_name):
        return None
    module_name, _, name = dotted_name.rpartition(".")
    if name.startswith("_") or module_name not in ("torch", *_FUNCTION_MODULES):
        return None
    home = importlib.import_module(_FUNCTION_MODULES[0] if module_name == "torch" else module_name)
    known = getattr(home, name, None)
    if not isinstance(known, FunctionType | BuiltinFunctionType) or known.__module__ not in _HOMES_OF_FUNCTIONS:
        return None
    return getattr(importlib.import_module(module_name), name, None)
