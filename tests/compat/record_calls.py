"""Records which globals of the trainer's module a training calls; run with stock nnU-Net, then with this package.

    record_calls.py DATASET=CONFIGURATION ...      preprocessed datasets

{name: [[number of positional arguments, [keywords]], ...]} of the functions and classes called in the module, and the
names of the methods that were running, outermost first, whenever a method of the trainer was called through `self`.
"""

import functools
import json
import os
import sys
from inspect import isfunction, ismodule
from os.path import join

import torch

import nnunetv2.training.nnUNetTrainer.nnUNetTrainer as module
from nnunetv2.paths import nnUNet_preprocessed

NOT_REPLACED = ("nnUNetTrainer", "DDP", "OptimizedModule", "datetime")
"""The class itself, and classes of which the module only asks `isinstance` or calls class methods."""

calls = {}
chains, running = set(), []


def note(name, arguments, options):
    """Note how a name was called."""
    form = [len(arguments), sorted(options)]
    if form not in calls.setdefault(name, []):
        calls[name].append(form)


def recording_function(name, function):
    """Return a function that notes its calls."""

    def called(*arguments, **options):
        note(name, arguments, options)
        return function(*arguments, **options)

    vars(called).update({key: getattr(function, key) for key in ("cache_clear",) if hasattr(function, key)})
    return called


def recording_class(name, kind):
    """Return a class that notes its calls and makes objects of `kind`."""

    class Recording(type(kind)):
        def __instancecheck__(cls, found):
            return isinstance(found, kind)

        def __call__(cls, *arguments, **options):
            note(name, arguments, options)
            return kind(*arguments, **options)

    return Recording(name, (kind,), {})


def record():
    """Put something that notes its calls in the place of every function and class."""
    for name, found in list(vars(module).items()):
        if name.startswith("_") or name in NOT_REPLACED or ismodule(found) or not callable(found):
            continue
        if isinstance(found, type) and not issubclass(found, BaseException):
            setattr(module, name, recording_class(name, found))
        elif not isinstance(found, type) and getattr(found, "__module__", "typing") != "typing":
            setattr(module, name, recording_function(name, found))


class OneStep(module.nnUNetTrainer):
    """An epoch of one step."""

    def __init__(self, plans, configuration, fold, dataset_json, device=None):
        super().__init__(plans, configuration, fold, dataset_json, torch.device("cpu"))
        self.num_epochs = self.num_iterations_per_epoch = self.num_val_iterations_per_epoch = 1

    def plot_network_architecture(self):
        """Draw nothing."""


def noting(name, method):
    """Return a method that notes its calls."""

    @functools.wraps(method)
    def called(*arguments, **options):
        running.append(name)
        chains.add(tuple(running))
        try:
            return method(*arguments, **options)
        finally:
            running.pop()

    return called


def record_methods():
    """Let the trainer override every method by one that notes its calls."""
    for kind in reversed(module.nnUNetTrainer.__mro__):
        for name, found in vars(kind).items():
            if name.startswith("__") or name in ("plot_network_architecture", "print_to_log_file"):
                continue
            if isfunction(found):
                setattr(OneStep, name, noting(name, found))
            if isinstance(found, staticmethod):
                setattr(OneStep, name, staticmethod(noting(name, found.__func__)))


def make_trainer(dataset, configuration):
    """Return the trainer of a preprocessed dataset."""
    folder = join(nnUNet_preprocessed, dataset)
    with open(join(folder, "nnUNetPlans.json")) as plans, open(join(folder, "dataset.json")) as dataset_json:
        plans = {**json.load(plans), "continue_training": False}
        trainer = OneStep(plans, configuration, 0, json.load(dataset_json))
    trainer.logger.plot_progress_png = lambda folder: None
    return trainer


def make_loaders(trainer):
    """Make the loaders in processes of their own, and end these."""
    os.environ["nnUNet_n_proc_DA"] = "1"
    trainer.initialize()
    for loader in trainer.get_dataloaders():
        loader._finish()


if __name__ == "__main__":
    record()
    record_methods()
    for argument in sys.argv[1:]:
        os.environ["nnUNet_n_proc_DA"] = "0"
        make_trainer(*argument.split("=")).run_training()
    make_loaders(make_trainer(*sys.argv[1].split("=")))
    sys.stdout.write(f"CALLS{json.dumps([calls, sorted(chains)])}\n")
