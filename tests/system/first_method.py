"""A folder with photos and tiny checkpoints, where `graphs/spatiotemporal_detection.json` is run small.

Commands run within this process, as `main` of the command line does, so that torch is imported once. The
weights are random: they prove plumbing, not quality.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from nodegraph.cli import main
from nodes.tiny.checkpoints import make_tiny_checkpoints

ROOT = Path(__file__).parents[2]
PHOTOS = ROOT / "examples/data/photos-mini"
GRAPH = ROOT / "graphs/spatiotemporal_detection.json"
TINY = ROOT / "graphs/values/tiny.json"
OFFLINE = ROOT / "graphs/values/offline.json"

VALUES = (TINY, "small.json")
"""The overlays with which it runs on tiny checkpoints."""

CROWD = tuple((4 + 16 * (index % 20), 4 + 16 * (index // 20), 12, 12) for index in range(300))
"""300 boxes in a photo of 330 × 250 pixels."""

ODD = ((60, 40, 1, 1), (-30, -20, 80, 60), (100, 70, 500, 500), (400, 300, 20, 20), (30, 50, 40, 30))
"""In a photo of 120 × 90: one of a pixel, three that reach over its edge or lie beyond it, and a good one."""

ONE_FRAME = (
    *("--set", "moved.frames=1"),
    *("--set", "spatial_views/views.skip_first=0", "--set", "temporal_views/views.skip_first=0"),
)
"""Clips of a single frame on the spatial axis, from which the frame is taken as a view."""

CHECKPOINTS = ("svd", "sam2", "depth", "inpaint", "detector")
TRAINED_ON = ("chelsea.jpg", "china.jpg", "coffee.jpg")
TESTED_ON = "rocket.jpg"
"""Where `dataset.split` puts these photos."""

SMALL: Mapping[str, Any] = {
    "inputs": {"root": "data", "epochs": 1, "views": 1, "new_per_photo": 2.0},
    "params": {
        "depth_model": {"model": "tiny/depth"},
        "inpaint_model": {"model": "tiny/inpaint"},
        "svd": {"model": "tiny/svd"},
        "sam2": {"model": "tiny/sam2"},
        "detector": {"model": "tiny/detector"},
        "moved": {"frames": 3},
        "spatial": {"num_inference_steps": 1, "side": 64},
        "temporal": {"width": 128, "height": 64, "num_frames": 3, "num_inference_steps": 1},
        "training": {"image_size": 64, "batch_size": 2},
    },
}


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    exit: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on stdout."""
        return json.loads(self.stdout)

    @property
    def executed(self) -> dict[str, int]:
        """How many calls each node executed, where any."""
        nodes = self.json["nodes"]
        return {name: node["executed"] for name, node in nodes.items() if node["executed"]}

    @property
    def failed(self) -> dict[str, str]:
        """What each call that failed says, by node, or by node and item: `photos a.jpg`."""
        told = self.json["errors"]
        return {" ".join(filter(None, (each["node"], each["item"]))): each["message"] for each in told}


@dataclass(frozen=True)
class Site:
    """The folder: `data`, `tiny`, `small.json`, and what runs leave."""

    folder: Path

    def command(self, *arguments: str | Path) -> Ended:
        """Run `nodegraph ARGUMENTS...` in the folder."""
        out, err = io.StringIO(), io.StringIO()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("NODEGRAPH_")}
        with (
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            patch.dict(os.environ, kept, clear=True),
            patch.object(sys, "argv", ["nodegraph", *map(str, arguments)]),
        ):
            try:
                main()
                status = 0
            except SystemExit as ended:
                status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        return Ended(status, out.getvalue(), err.getvalue())

    def run(self, *more: str | Path, values: Sequence[str | Path] = VALUES) -> Ended:
        """Run the graph with overlays, for its result as JSON."""
        return self.command("run", GRAPH, *overlays(values), "--json", *more)

    def write(self, name: str, content: Mapping[str, Any]) -> str:
        """Write a JSON file; gives its name."""
        (self.folder / name).write_text(json.dumps(content))
        return name

    def take_photos(self, *names: str) -> None:
        """Make `data` of some of the example photos."""
        document = json.loads((PHOTOS / "annotations.json").read_text())
        images = [image for image in document["images"] if image["file_name"] in names]
        known = {image["id"] for image in images}
        taken = [entry for entry in document["annotations"] if entry["image_id"] in known]
        (self.folder / "data").mkdir(exist_ok=True)
        for image in images:
            shutil.copyfile(PHOTOS / image["file_name"], self.folder / "data" / image["file_name"])
        self.write("data/annotations.json", document | {"images": images, "annotations": taken})

    def add_photo(self, name: str, size: tuple[int, int], boxes: Sequence[Sequence[float]]) -> None:
        """Add a photo of soft noise to `data`; its boxes, `[x, y, width, height]`, have the class id 1."""
        import cv2
        import numpy as np

        coarse = np.random.default_rng(7).integers(0, 256, (12, 16, 3), np.uint8)
        pixels = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(self.folder / "data" / name), pixels)
        self.add_entry(name, size, boxes)

    def add_entry(self, name: str, size: tuple[int, int], boxes: Sequence[Sequence[float]]) -> None:
        """Add a photo to the annotations alone."""
        document = json.loads((self.folder / "data/annotations.json").read_text())
        image_id = 1 + max(image["id"] for image in document["images"])
        first = 1 + max(entry["id"] for entry in document["annotations"])
        document["images"].append({"id": image_id, "file_name": name, "width": size[0], "height": size[1]})
        common = {"image_id": image_id, "category_id": 1, "iscrowd": 0}
        document["annotations"] += [
            {"id": first + index, "bbox": list(box), "area": box[2] * box[3], **common}
            for index, box in enumerate(boxes)
        ]
        self.write("data/annotations.json", document)

    def copied(self, folder: Path) -> Site:
        """A copy, elsewhere."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Site(folder)


def overlays(files: Sequence[str | Path]) -> list[str | Path]:
    """The arguments that lay files of values over a graph."""
    return [word for file in files for word in ("--values", file)]


def make_site(folder: Path, *photos: str, checkpoints: Sequence[str] = CHECKPOINTS) -> Site:
    """A folder with some of the example photos and tiny checkpoints."""
    site = Site(folder)
    site.take_photos(*photos)
    if checkpoints:
        make_tiny_checkpoints(folder / "tiny", checkpoints)
    site.write("small.json", SMALL)
    return site
