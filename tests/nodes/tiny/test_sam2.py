"""Tiny SAM 2 models: the layout of the official ones, the same for the same seed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from nodes.libraries import library
from nodes.tiny.sam2 import NAME, make_tiny_sam2


def test_files_are_as_the_official_ones_and_follow_from_the_seed(tmp_path: Path):
    torch = library("torch")
    for name, seed in (("one", 0), ("again", 0), ("other", 1)):
        make_tiny_sam2(tmp_path / name, seed=seed, image_size=64)
    one, again, other = (
        torch.load(tmp_path / name / f"{NAME}.pt", weights_only=True) for name in ("one", "again", "other")
    )
    assert list(one) == ["model"]
    assert all(torch.equal(tensor, again["model"][name]) for name, tensor in one["model"].items())
    assert any(not torch.equal(tensor, other["model"][name]) for name, tensor in one["model"].items())
    assert yaml.safe_load((tmp_path / "one" / f"{NAME}.yaml").read_text())["model"]["image_size"] == 64
    assert (tmp_path / "one" / f"{NAME}.pt").stat().st_size < 2_000_000


def test_image_size_out_of_bounds_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="a multiple of 32 from 64 up, not 100"):
        make_tiny_sam2(tmp_path, image_size=100)
