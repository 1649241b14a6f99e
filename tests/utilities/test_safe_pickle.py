"""The name under which programs imported the safe reader before it moved."""

from nnunetv2.foundation.safe_loading import safe_pickle as reader
from nnunetv2.utilities import safe_pickle as former_name


def test_the_former_name_of_the_safe_reader_still_gives_it() -> None:
    assert former_name.load_pickle is reader.load_pickle
