"""Prints the flags of console commands as JSON; run with stock nnU-Net, then with this package.

    describe_commands.py COMMAND=MODULE:FUNCTION ...

{command: [[option strings or name, number of values, default, choices, required, action], ...]}
"""

import argparse
import importlib
import json
import sys


class Parsed(BaseException):
    """Carries the parser of a command out of it, past what the command does about exceptions."""

    def __init__(self, parser):
        super().__init__()
        self.parser = parser


def interrupt(parser, *arguments, **options):
    """Stand in for the parsing of arguments."""
    raise Parsed(parser)


def describe(action):
    """Describe an argument of a parser, without its help text."""
    return [
        list(action.option_strings) or [action.dest],
        action.nargs,
        repr(action.default),
        None if action.choices is None else [str(choice) for choice in action.choices],
        action.required,
        type(action).__name__,
    ]


def parser_of(entry):
    """Call a command until it has made its parser."""
    module, function = entry.split(":")
    try:
        getattr(importlib.import_module(module), function)()
    except Parsed as stopped:
        return stopped.parser
    raise SystemExit(f"{entry} parses no arguments")


if __name__ == "__main__":
    for method in ("parse_args", "parse_known_args"):
        setattr(argparse.ArgumentParser, method, interrupt)
    commands = dict(argument.split("=") for argument in sys.argv[1:])
    del sys.argv[1:]
    found = {name: [describe(a) for a in parser_of(entry)._actions] for name, entry in commands.items()}
    sys.stdout.write(f"COMMANDS{json.dumps(found)}\n")
