"""Prints what the modules of nnunetv2 define and import, as JSON; run with stock nnU-Net, then with this package.

    describe_package.py all MODULE ...      every module but those whose names begin so
    describe_package.py these FILE          what became of the names in such a description

"surface", of what a module defines: {module: {name: {"arguments": [[name, kind, default], ...] or null, "members":
{name: arguments}}}}. Modules that cannot be imported and names that do not exist are left out.

"imported": {module: {name: where it is from}}: the module of a class or function, "values" or "modules". Of "these"
{module: {name: "", or how it can be had: "read" as an attribute, "star" also by a star import}}.
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


def origin(found):
    """Return where a global of a module is from."""
    if inspect.ismodule(found):
        return "modules"
    if type(found).__module__ in ("builtins", "nnunetv2.paths") and not callable(found):
        return "values"
    return getattr(found, "__module__", None) or type(found).__module__


def importable(left_out):
    """Yield name and module of all modules that can be imported, but for those whose names begin so."""
    for entry in pkgutil.walk_packages(nnunetv2.__path__, "nnunetv2.", onerror=lambda name: None):
        if entry.name.startswith(tuple(left_out)):
            continue
        try:
            yield entry.name, importlib.import_module(entry.name)
        except (ImportError, RuntimeError):
            continue


def defined_in(module):
    """Describe what a module defines."""
    return {
        name: describe(value, own_members(value) if inspect.isclass(value) else ())
        for name, value in vars(module).items()
        if callable(value) and getattr(value, "__module__", "") == module.__name__
    }


def imported_in(module):
    """Return where the globals of a module are from."""
    return {name: origin(value) for name, value in vars(module).items() if not name.startswith("__")}


def describe_all(left_out):
    """Describe each module when it has just been imported."""
    described = {"surface": {}, "imported": {}}
    for name, module in importable(left_out):
        described["surface"][name], described["imported"][name] = defined_in(module), imported_in(module)
    return described


def surface_of_these(wanted):
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


def star_import(module):
    """Return the names that a star import of a module brings."""
    names = {}
    exec(f"from {module} import *", names)
    return names


def imported_of_these(wanted):
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
            stock = json.load(stream)
        result = {"imported": imported_of_these(stock["imported"]), "surface": surface_of_these(stock["surface"])}
    sys.stdout.write(f"DESCRIBED{json.dumps(result)}\n")
