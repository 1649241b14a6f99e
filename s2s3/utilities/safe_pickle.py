"""The safe reader of pickles under the name that programs imported before it moved into `nnunetv2.foundation`."""

from nnunetv2.foundation.safe_loading.safe_pickle import load_pickle

__all__ = ["load_pickle"]
