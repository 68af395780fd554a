"""Tiny detectors on disk: random weights, which prove plumbing, not quality."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from nodes.tiny.detector import Architecture, make_tiny_detector
from nodes.types import Image

ARCHITECTURES: tuple[str, ...] = get_args(Architecture)


@pytest.fixture(scope="session")
def detectors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One folder for each architecture; classes cat and dog."""
    root = tmp_path_factory.mktemp("detectors")
    for architecture in ARCHITECTURES:
        make_tiny_detector(
            root / architecture, architecture=architecture, image_size=64, classes=("cat", "dog"), queries=20
        )
    return {architecture: root / architecture for architecture in ARCHITECTURES}


@pytest.fixture
def pictures() -> list[Image]:
    """Of two sizes."""
    rng = np.random.default_rng(3)
    return [Image(rng.integers(0, 256, (h, w, 3), np.uint8)) for w, h in [(90, 60), (40, 70), (90, 60)]]
