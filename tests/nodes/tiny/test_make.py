import sys
from pathlib import Path

import pytest

from nodegraph.models.layout import read_weights
from nodes.tiny.make import main, make_tiny_pipeline


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_equal_arguments_give_equal_files_in_the_layout_of_diffusers(tmp_path):
    for name in ("a", "b"):
        make_tiny_pipeline(tmp_path / name, width=32, depth=2, seed=3)
    made = files(tmp_path / "a")
    assert made == files(tmp_path / "b")
    components = ("encoder", "denoiser", "decoder")
    parts = {f"{name}/{file}" for name in components for file in ("config.json", "model.safetensors")}
    assert set(made) == {"model_index.json"} | parts
    assert len({made[f"{name}/model.safetensors"] for name in components}) == 3


def test_another_seed_gives_other_weights(tmp_path):
    for seed in (0, 1):
        make_tiny_pipeline(tmp_path / str(seed), width=32, depth=1, seed=seed)
    name = "encoder/model.safetensors"
    assert files(tmp_path / "0")[name] != files(tmp_path / "1")[name]


@pytest.mark.parametrize(("dtype", "number_bytes"), [("float32", 4), ("bfloat16", 2)])
def test_component_has_as_many_bytes_as_width_depth_and_dtype_say(tmp_path, dtype, number_bytes):
    make_tiny_pipeline(tmp_path, width=64, depth=3, dtype=dtype)
    components = read_weights(tmp_path).components
    stored = {name: sum(tensor.nbytes for tensor in tensors) for name, tensors in components.items()}
    assert stored == dict.fromkeys(("encoder", "denoiser", "decoder"), 3 * 64**2 * number_bytes)


@pytest.mark.parametrize("wrong", [{"width": 0}, {"width": 33}, {"depth": 0}, {"seed": -1}])
def test_size_out_of_bounds_is_refused_and_nothing_is_written(tmp_path, wrong):
    with pytest.raises(ValueError, match="multiple of 32, depth 1 or more and seed 0 or more"):
        make_tiny_pipeline(tmp_path / "model", **wrong)
    assert list(tmp_path.iterdir()) == []


def test_command_makes_the_model_and_says_its_size(tmp_path, capsys):
    assert main([str(tmp_path / "m"), "--width", "128", "--depth", "2", "--seed", "4"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'm'}: a tiny pipeline with 0.4 MB of random weights\n"
    make_tiny_pipeline(tmp_path / "same", width=128, depth=2, seed=4)
    assert files(tmp_path / "m") == files(tmp_path / "same")


def test_command_without_torch_says_what_to_install_and_makes_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(SystemExit):
        main([str(tmp_path / "m")])
    assert "torch not installed: pip install 'nodegraph[models]'" in capsys.readouterr().err
    assert not (tmp_path / "m").exists()


def test_command_given_a_bad_width_ends_with_usage(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path / "m"), "--width", "100"])
    assert ended.value.code == 2
    assert "error: width must be a multiple of 32" in capsys.readouterr().err
