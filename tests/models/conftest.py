"""Model folders in the layouts of diffusers and transformers, of zeros; and residencies that are checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from tests.models.world import World

WIDTHS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "I64": 8, "U8": 1, "BOOL": 1}
Tensors = Mapping[str, tuple[str, tuple[int, ...]]]


def header_of(tensors: Tensors) -> dict[str, Any]:
    """The header of a safetensors file with tensors of these dtypes and shapes."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, (dtype, shape) in tensors.items():
        begin, end = end, end + WIDTHS[dtype] * _product(shape)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
    return header


def _product(shape: Iterable[int]) -> int:
    product = 1
    for side in shape:
        product *= side
    return product


class Disk:
    """Writes models below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def weights(self, name: str, tensors: Tensors) -> Path:
        header = header_of(tensors)
        data = sum(
            end for _, end in [[0, 0], *(h["data_offsets"] for n, h in header.items() if n[:1] != "_")][-1:]
        )
        return self.raw(name, header, bytes(data))

    def raw(self, name: str, header: Any, data: bytes) -> Path:
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return self.bytes(name, len(text).to_bytes(8, "little") + text + data)

    def bytes(self, name: str, content: bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def json(self, name: str, content: Any) -> Path:
        return self.bytes(name, json.dumps(content).encode())

    def pipeline(self, name: str, variant: str = "") -> Path:
        """A pipeline with a UNet of two layers, a VAE, a scheduler and a tokenizer."""
        infix = f".{variant}" if variant else ""
        dtype = "F16" if variant else "F32"
        self.json(
            f"{name}/model_index.json",
            {
                "_class_name": "TinyPipeline",
                "feature_extractor": [None, None],
                "requires_safety_checker": False,
                "scheduler": ["diffusers", "DDIMScheduler"],
                "tokenizer": ["transformers", "CLIPTokenizer"],
                "unet": ["diffusers", "UNet2DConditionModel"],
                "vae": ["diffusers", "AutoencoderKL"],
            },
        )
        self.json(f"{name}/scheduler/scheduler_config.json", {"steps": 10})
        self.json(f"{name}/tokenizer/config.json", {})
        self.bytes(f"{name}/tokenizer/merges.txt", b"a b\n")
        self.json(f"{name}/unet/config.json", {"channels": 4})
        self.json(f"{name}/vae/config.json", {"channels": 2})
        self.weights(
            f"{name}/unet/diffusion_pytorch_model{infix}.safetensors",
            {"blocks.0.w": (dtype, (10, 10)), "blocks.1.w": (dtype, (20, 10)), "conv_in.w": (dtype, (5,))},
        )
        self.weights(f"{name}/vae/diffusion_pytorch_model{infix}.safetensors", {"decoder.w": (dtype, (100,))})
        return self.root / name

    def sharded(self, name: str) -> Path:
        """A model of two shards, with an index."""
        self.json(f"{name}/config.json", {"layers": 2})
        self.weights(f"{name}/model-00001-of-00002.safetensors", {"a.0.w": ("F32", (8,))})
        self.weights(f"{name}/model-00002-of-00002.safetensors", {"a.1.w": ("F32", (4,))})
        shards = {"a.0.w": "model-00001-of-00002.safetensors", "a.1.w": "model-00002-of-00002.safetensors"}
        self.json(f"{name}/model.safetensors.index.json", {"weight_map": shards})
        return self.root / name

    def plain(self, name: str, variant: str = "") -> Path:
        """A model as transformers keeps one."""
        infix = f".{variant}" if variant else ""
        self.json(f"{name}/config.json", {"layers": 1})
        self.weights(f"{name}/model{infix}.safetensors", {"layers.0.w": ("F32", (8,))})
        return self.root / name


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


@pytest.fixture
def digest_of() -> Callable[[Path], bytes]:
    return lambda path: blake3(path.read_bytes()).digest()


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    """A kind of model of this test's own, which loads nothing."""
    from nodegraph import model

    name = f"test.k{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]}"

    @model(name)
    def load(ref: Any, folder: Path, device: str, mode: str) -> tuple[Any, ...]:
        return ref, folder, device, mode

    return name


@pytest.fixture
def world() -> Iterator[Callable[..., World]]:
    """Makes worlds; at the end each is closed, kept to its budgets throughout, and left nothing behind."""
    worlds: list[World] = []

    def make(*arguments: Any, **options: Any) -> World:
        worlds.append(World(*arguments, **options))
        return worlds[-1]

    yield make
    for made in worlds:
        made.residency.close()
        assert made.over == []
        assert made.taken_away == []
        assert all(made.residency.tracked(device) == 0 for device in (*made.budgets, "host"))
        assert made.still_alive() == 0
