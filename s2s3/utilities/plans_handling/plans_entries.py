"""Entries of plans: taking them, checking calls that they describe, and naming them where they are at fault."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nnunetv2.errors import MissingEntryError, SettingsError
from s1.json_schema import escaped


def required_entry(entries: dict[str, Any], key: str, where: str) -> Any:
    """Return an entry; MissingEntryError, which says where it should be and what is there, if it is absent."""
    if key not in entries:
        raise MissingEntryError(f"{where} has no entry {key!r}; it has {', '.join(map(escaped, entries)) or 'none'}")
    return entries[key]


def check_call(function: Callable[..., Any], keywords: dict[str, Any]) -> None:
    """Raise SettingsError if a resampling function cannot be called with the keywords of the plans."""
    try:
        inspect.signature(function).bind("data", "new shape", "spacing", "new spacing", **keywords)
    except TypeError as error:
        raise SettingsError(f"{function} cannot be called with the keywords {keywords}: {error}") from error


@contextmanager
def named_by(manager: Any, entry: str | None = None) -> Iterator[None]:
    """Put plans file and entry before the message of a SettingsError about something that plans name.

    Parameters:
        manager: PlansManager, ConfigurationManager, or what a client uses in place of them.
        entry: None if the message has it.
    """
    try:
        yield
    except SettingsError as error:
        source = getattr(manager, "source", "plans")
        where = ": ".join(filter(None, (source, entry)))
        message = str(error).removeprefix(f"{source}: ").removeprefix("plans: ")
        raise type(error)(f"{where}: {message}") from error


def describe_plans(plans: dict[str, Any]) -> str:
    """Return the names of dataset and plans, for messages about plans that come from no file."""
    names = [plans[key] for key in ("dataset_name", "plans_name") if key in plans]
    return f"plans ({', '.join(map(str, names))})" if names else "plans"
