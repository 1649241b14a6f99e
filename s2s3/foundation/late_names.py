"""Names that a module has because nnU-Net's module of the same name imports them.

Other people's code imports, star-imports and replaces them there. They are imported when first asked for: many need
torch, and modules that import each other would not load.
"""

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Providers = Mapping[str, Sequence[str]]


def late_names(
    module_name: str, providers: Providers, modules: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a module, with which it has more names than it defines.

    A name becomes a global of the module when it is first used, and again after a reload. A star import takes these
    names and all public globals, unless the module has an `__all__`.

    Parameters:
        providers: module -> names that are imported from it.
        modules: name -> module that it stands for.
    """
    modules = modules or {}
    origins = {name: origin for origin, names in providers.items() for name in names}
    late = {*origins, *modules}
    for name in late:
        vars(sys.modules[module_name]).pop(name, None)

    def find(name: str) -> Any:
        module = sys.modules[module_name]
        if name == "__all__":
            return sorted({*late, *(own for own in vars(module) if not own.startswith("_"))})
        if name not in late:
            raise AttributeError(f"module {module_name!r} has no attribute {name!r}")
        found = importlib.import_module(modules.get(name) or origins[name])
        value = found if name in modules else getattr(found, name)
        setattr(module, name, value)
        return value

    return find, lambda: sorted({*vars(sys.modules[module_name]), *late})
