"""Prints what the modules of nnunetv2 import, as JSON; run with stock nnU-Net, then with this package.

    describe_imported_names.py all MODULE ...      every module but those whose names begin so
    describe_imported_names.py these FILE          what became of the names in such a description

The first: {module: {name: where it is from}}: the module of a class or function, "values" or "modules". The second:
{module: {name: "", or how it can be had: "read" as an attribute, "star" also by a star import}}.
"""

import importlib
import inspect
import json
import pkgutil
import sys
import warnings

import nnunetv2


def origin(found):
    """Return where a global of a module is from."""
    if inspect.ismodule(found):
        return "modules"
    if type(found).__module__ in ("builtins", "nnunetv2.paths") and not callable(found):
        return "values"
    return getattr(found, "__module__", None) or type(found).__module__


def describe_all(left_out):
    """Return what modules have as globals."""
    described = {}
    for entry in pkgutil.walk_packages(nnunetv2.__path__, "nnunetv2.", onerror=lambda name: None):
        if entry.name.startswith(tuple(left_out)):
            continue
        try:
            found = vars(importlib.import_module(entry.name))
        except (ImportError, RuntimeError):
            continue
        described[entry.name] = {name: origin(value) for name, value in found.items() if not name.startswith("__")}
    return described


def star_import(module):
    """Return the names that a star import of a module brings."""
    names = {}
    exec(f"from {module} import *", names)
    return names


def describe_these(wanted):
    """Return how the names of a description can be had."""
    described = {}
    for name, names in wanted.items():
        module = importlib.import_module(name)
        star = star_import(name)
        described[name] = {
            found: "star" if found in star else "read" if hasattr(module, found) else "" for found in names
        }
    return described


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    what, *arguments = sys.argv[1:]
    if what == "all":
        result = describe_all(arguments)
    else:
        with open(arguments[0]) as stream:
            result = describe_these(json.load(stream))
    sys.stdout.write(f"NAMES{json.dumps(result)}\n")
