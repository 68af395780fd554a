"""Libraries that models need: imported whatever build they are, or missed with a word on what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nodegraph.models import ModelError
from nodes.libraries import library

IMPORTS = """
import sys
from nodes.libraries import library
assert not {"torch", "torchvision"} & set(sys.modules)
library("transformers")
from transformers import CLIPImageProcessor
from torchvision.transforms import v2
print("imported")
"""


def test_a_library_that_is_not_installed_is_named_with_what_installs_it():
    with pytest.raises(ModelError, match=r"no_such_library is not installed.*pip install"):
        library("no_such_library")


def test_torchvision_of_another_build_than_torch_breaks_no_import():
    ended = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.returncode) == ("imported\n", 0), ended.stderr
