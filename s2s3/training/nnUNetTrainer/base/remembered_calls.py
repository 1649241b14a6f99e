"""Remembers what a hook returned, whichever class overrides it and whoever calls it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def results_of(owner: Any, method: str) -> Iterator[list[Any]]:
    """Yield a list that gets what calls of a method on `owner` return until the end of the block."""
    call, own = getattr(owner, method), dict(vars(owner))
    results: list[Any] = []

    def remembered(*arguments: Any, **options: Any) -> Any:
        results.append(call(*arguments, **options))
        return results[-1]

    setattr(owner, method, remembered)
    try:
        yield results
    finally:
        if method in own:
            setattr(owner, method, own[method])
        else:
            delattr(owner, method)
