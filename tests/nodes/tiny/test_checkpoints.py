"""`python -m nodes.tiny.checkpoints`: which checkpoints it makes, and what it says."""

from __future__ import annotations

import pytest

from nodes.tiny.checkpoints import CHECKPOINTS, main, make_tiny_checkpoints


def test_the_checkpoints_that_are_named_are_made_and_told(tmp_path, capsys):
    assert main([str(tmp_path / "made"), "depth", "detector"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in told] == [
        str(tmp_path / "made" / name) for name in ("depth", "detector")
    ]
    for name in ("depth", "detector"):
        assert (tmp_path / "made" / name / "config.json").is_file()
        assert (tmp_path / "made" / name / "model.safetensors").is_file()


def test_weights_go_by_the_seed_alone(tmp_path):
    made = [tmp_path / name for name in ("a", "b", "c")]
    for folder, seed in zip(made, (0, 0, 1), strict=True):
        make_tiny_checkpoints(folder, ["detector"], seed=seed)
    first, same, other = ((folder / "detector/model.safetensors").read_bytes() for folder in made)
    assert first == same
    assert first != other


def test_a_name_that_there_is_not_is_refused_with_those_there_are(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path), "sdv"])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "no checkpoint 'sdv'" in told
    assert all(name in told for name in CHECKPOINTS)
    assert not any(tmp_path.iterdir())
