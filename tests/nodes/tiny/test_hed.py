import numpy as np
import pytest

from nodegraph.models import load_state_dict
from nodes.libraries import library
from nodes.tiny.hed import FILE, make_tiny_hed


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("hed")
    make_tiny_hed(made, seed=2)
    return made


@pytest.mark.filterwarnings("ignore")  # controlnet_aux names what it lacks or uses of old, at its import
def test_controlnet_aux_takes_the_edge_detector_and_edges_are_found(folder):
    detector = library("controlnet_aux").HEDdetector.from_pretrained(folder)
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, 32:] = 255
    edges = np.array(detector(picture, detect_resolution=64, image_resolution=64, output_type="np"))
    assert edges.shape == (64, 64, 3)
    assert edges.std() > 1
    assert 0 < edges.mean() < 255


def test_file_holds_plain_weights_of_the_fixed_architecture(folder):
    tensors = load_state_dict(folder / FILE)
    assert sum(tensor.numel() for tensor in tensors.values()) == 14_716_168
    assert tensors["block5.convs.2.weight"].shape == (512, 512, 3, 3)
