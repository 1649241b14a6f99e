"""Prints names, arguments and members of nnunetv2 as JSON; run with stock nnU-Net, then with this package.

    describe_surface.py own MODULE ...      all that the package defines, without modules whose names begin so
    describe_surface.py these FILE          what became of the names in such a description

A description: {module: {name: {"arguments": [[name, kind, default], ...] or null, "members": {name: arguments}}}}.
Modules that cannot be imported and names that do not exist are left out.
"""

import importlib
import inspect
import json
import pkgutil
import re
import sys
import warnings

import nnunetv2


def arguments_of(found):
    """Return name, kind and default of each argument, or None where there is nothing to call."""
    function = getattr(found, "__func__", found)
    if not callable(function):
        return None
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return None
    return [
        [found.name, found.kind.name, "required" if found.default is found.empty else described_default(found.default)]
        for found in parameters
    ]


def described_default(value):
    """Return the text of a default value, without addresses in memory."""
    return re.sub(" at 0x[0-9a-f]+", "", repr(value))


def own_members(found):
    """Return the names of attributes and methods that classes of nnunetv2 give to a class."""
    kinds = [kind for kind in inspect.getmro(found) if kind.__module__.startswith("nnunetv2")]
    return dict.fromkeys(name for kind in kinds for name in vars(kind) if name == "__init__" or name[:2] != "__")


def describe(found, members):
    """Describe a function or class."""
    arguments = {name: inspect.getattr_static(found, name, None) for name in members if hasattr(found, name)}
    return {
        "arguments": arguments_of(found),
        "members": {name: arguments_of(member) for name, member in arguments.items()},
    }


def describe_own(left_out):
    """Describe what the modules define, but for those whose names begin with one of `left_out`."""
    described = {}
    for found in pkgutil.walk_packages(nnunetv2.__path__, "nnunetv2.", onerror=lambda name: None):
        if found.name.startswith(tuple(left_out)):
            continue
        try:
            module = importlib.import_module(found.name)
        except (ImportError, RuntimeError):
            continue
        described[found.name] = {
            name: describe(value, own_members(value) if inspect.isclass(value) else ())
            for name, value in vars(module).items()
            if callable(value) and getattr(value, "__module__", "") == module.__name__
        }
    return described


def describe_these(wanted):
    """Describe the names in a description."""
    described = {}
    for module_name, names in wanted.items():
        try:
            module = importlib.import_module(module_name)
        except ImportError:
            continue
        described[module_name] = {
            name: describe(getattr(module, name), entry["members"])
            for name, entry in names.items()
            if hasattr(module, name)
        }
    return described


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    what, *arguments = sys.argv[1:]
    if what == "own":
        result = describe_own(arguments)
    else:
        with open(arguments[0]) as stream:
            result = describe_these(json.load(stream))
    sys.stdout.write(f"SURFACE{json.dumps(result)}\n")
