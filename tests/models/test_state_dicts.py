"""Checkpoints: what is plain weights is loaded, and of anything else nothing is executed."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import pytest

from nodegraph.models import ModelError, load_state_dict
from nodegraph.models.layout import read_weights


class Malice:
    """Makes a file when it is unpickled."""

    def __init__(self, sign: Path) -> None:
        self.sign = sign

    def __reduce__(self):
        return os.mkdir, (str(self.sign),)


def equal(found, expected):
    import torch

    return found.keys() == expected.keys() and all(
        torch.equal(found[name], expected[name]) for name in expected
    )


@pytest.fixture
def tensors():
    import torch

    return {"a.w": torch.arange(6.0).reshape(2, 3), "b": torch.ones(4, dtype=torch.bfloat16)}


def test_safetensors_are_loaded(tmp_path, tensors):
    from safetensors.torch import save_file

    save_file(tensors, tmp_path / "w.safetensors")
    assert equal(load_state_dict(tmp_path / "w.safetensors"), tensors)


def test_shards_of_a_folder_are_loaded_together(disk):
    loaded = load_state_dict(disk.sharded("m"))
    assert {name: tuple(tensor.shape) for name, tensor in loaded.items()} == {"a.0.w": (8,), "a.1.w": (4,)}


@pytest.mark.parametrize("suffix", ["bin", "pt", "pth", "ckpt"])
def test_pickle_that_is_plain_weights_is_loaded(tmp_path, tensors, suffix):
    import torch

    torch.save(tensors, tmp_path / f"model.{suffix}")
    assert equal(load_state_dict(tmp_path / f"model.{suffix}"), tensors)
    assert equal(load_state_dict(tmp_path), tensors)


@pytest.mark.parametrize("name", ["state_dict", "model"])
def test_weights_of_a_training_checkpoint_are_loaded_alone(tmp_path, tensors, name):
    import torch

    torch.save({name: tensors, "epoch": 3}, tmp_path / "last.ckpt")
    assert equal(load_state_dict(tmp_path / "last.ckpt"), tensors)


def test_bytes_of_a_pickle_are_known_without_loading(tmp_path, tensors):
    import torch

    torch.save(tensors, tmp_path / "model.pt")
    assert read_weights(tmp_path / "model.pt").nbytes("float32") == 6 * 4 + 4 * 2


def refusal(path):
    with pytest.raises(ModelError) as error:
        load_state_dict(path)
    return str(error.value)


def test_pickle_that_would_run_code_is_refused_and_runs_none(tmp_path):
    import torch

    torch.save({"a.w": torch.zeros(2), "evil": Malice(tmp_path / "sign")}, tmp_path / "model.pt")
    message = refusal(tmp_path / "model.pt")
    assert message == (
        f"{tmp_path}/model.pt: this pickle is not plain weights and was not loaded: it names posix.mkdir, "
        "which is no part of weights; convert it to safetensors where you trust its source"
    )
    assert not (tmp_path / "sign").exists()


def test_pickle_inside_a_zip_that_torch_did_not_write_runs_no_code(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.writestr("model/data.pkl", pickle.dumps(Malice(tmp_path / "sign")))
        archive.writestr("model/version", "3")
    assert "was not loaded" in refusal(tmp_path / "model.pt")
    assert not (tmp_path / "sign").exists()


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_bare_pickle_is_refused_and_runs_no_code(tmp_path, protocol):
    (tmp_path / "model.bin").write_bytes(pickle.dumps(Malice(tmp_path / "sign"), protocol=protocol))
    assert "a checkpoint in torch's old format, which is not read" in refusal(tmp_path / "model.bin")
    assert not (tmp_path / "sign").exists()


def test_old_format_of_torch_is_refused(tmp_path, tensors):
    import torch

    torch.save(tensors, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert "a checkpoint in torch's old format, which is not read" in refusal(tmp_path / "old.pth")


def test_truncated_pickle_is_refused(tmp_path, tensors):
    import torch

    torch.save(tensors, tmp_path / "model.pt")
    whole = (tmp_path / "model.pt").read_bytes()
    (tmp_path / "model.pt").write_bytes(whole[: len(whole) // 2])
    assert "it is truncated" in refusal(tmp_path / "model.pt")


@pytest.mark.parametrize("damaged", [4, 64, 300])
def test_pickle_with_a_damaged_beginning_is_refused_with_what_to_do(tmp_path, tensors, damaged):
    import torch

    torch.save(tensors, tmp_path / "model.pt")
    whole = (tmp_path / "model.pt").read_bytes()
    (tmp_path / "model.pt").write_bytes(bytes(damaged) + whole[damaged:])
    assert refusal(tmp_path / "model.pt") == (
        f"{tmp_path}/model.pt: it is damaged, or a checkpoint in torch's old format, which is not read; "
        "fetch or copy the file again, or convert it to safetensors where you trust its source"
    )


def test_pointer_of_git_lfs_in_the_place_of_a_pickle_is_told_as_that(tmp_path):
    (tmp_path / "model.pt").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    assert "run git lfs pull in its folder" in refusal(tmp_path / "model.pt")


def test_empty_pickle_is_refused_as_empty(tmp_path):
    (tmp_path / "model.pt").touch()
    assert refusal(tmp_path / "model.pt").endswith("it has 0 bytes; fetch or copy the file again")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([1, 2], "it holds a list, no weights by name"),
        ({"a": 1}, "its entry 'a' is a int, no tensor by name"),
        ({"model": {"w": "text"}}, "its entry 'w' is a str, no tensor by name"),
    ],
)
def test_pickle_without_tensors_by_name_is_refused(tmp_path, content, says):
    import torch

    torch.save(content, tmp_path / "model.pt")
    assert says in refusal(tmp_path / "model.pt")


def test_script_in_a_checkpoint_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:
        archive.writestr("script/constants.pkl", pickle.dumps(Malice(tmp_path / "sign")))
        archive.writestr("script/code/run.py", "")
        archive.writestr("script/version", "3")
    assert "was not loaded" in refusal(tmp_path / "script.pt")
    assert not (tmp_path / "sign").exists()


def test_pipeline_is_not_loaded_as_one(disk):
    assert "it has several components; load unet, vae one by one" in refusal(disk.pipeline("p"))
