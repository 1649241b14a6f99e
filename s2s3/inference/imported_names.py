"""The names that nnU-Net's prediction module has because it imports them; ours takes them all from here.

Programs of other people read them there, often through a star import.
"""

# ruff: noqa: F401, UP035

import inspect
import itertools
import multiprocessing
import os
import warnings
from copy import deepcopy
from os.path import isdir, isfile, join
from queue import Queue
from threading import Thread
from time import sleep
from typing import List, Optional, Tuple, Union

import numpy as np
import torch
from acvl_utils.cropping_and_padding.padding import pad_nd_image
from batchgenerators.dataloading.multi_threaded_augmenter import MultiThreadedAugmenter
from batchgenerators.utilities.file_and_folder_operations import load_json, maybe_mkdir_p, save_json, subdirs
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from nnunetv2.configuration import default_num_processes
from nnunetv2.inference.data_iterators import (
    PreprocessAdapterFromNpy,
    preprocessing_iterator_fromfiles,
    preprocessing_iterator_fromnpy,
)
from nnunetv2.inference.export_prediction import (
    convert_predicted_logits_to_segmentation_with_correct_shape,
    export_prediction_from_logits,
)
from nnunetv2.inference.sliding_window_prediction import compute_gaussian, compute_steps_for_sliding_window
from nnunetv2.utilities.file_path_utilities import check_workers_alive_and_busy, get_output_folder
from nnunetv2.utilities.find_class_by_name import recursive_find_python_class
from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name
from nnunetv2.utilities.helpers import dummy_context, empty_cache
from nnunetv2.utilities.json_export import recursive_fix_for_json_export
from nnunetv2.utilities.label_handling.label_handling import convert_labelmap_to_one_hot, determine_num_input_channels
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager
from nnunetv2.utilities.utils import create_lists_from_splitted_dataset_folder
