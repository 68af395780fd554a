"""The main graph on a few real photos, run once, and copies of what that left."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.forks import Forks

ROOT = Path(__file__).parents[2]
PHOTOS = ROOT / "examples/data/photos-mini"
GRAPH = ROOT / "graphs/camera_motion.json"
SMALL = ("--set", "clip.frames=4", "--set", "track.preset=ultrafast")


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

    def executed(self) -> dict[str, int]:
        """How many calls each node executed, where any."""
        nodes = self.json["nodes"]
        return {name: node["executed"] for name, node in nodes.items() if node["executed"]}


@dataclass(frozen=True)
class Site:
    """A folder with a data set of photos, where the main graph is run."""

    folder: Path
    forks: Forks

    @property
    def data(self) -> Path:
        """The COCO data set."""
        return self.folder / "data"

    def take_photos(self, count: int) -> None:
        """Make the data set of the first photos of the examples."""
        document = json.loads((PHOTOS / "annotations.json").read_text())
        images = document["images"][:count]
        known = {image["id"] for image in images}
        annotations = [entry for entry in document["annotations"] if entry["image_id"] in known]
        self.data.mkdir(exist_ok=True)
        for image in images:
            source = next(PHOTOS.rglob(image["file_name"]))
            target = self.data / source.relative_to(PHOTOS)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        (self.data / "annotations.json").write_text(
            json.dumps(document | {"images": images, "annotations": annotations})
        )

    def command(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> Ended:
        """Run a command in the folder."""
        with tempfile.TemporaryDirectory() as printed:
            ended = self.forks.run(
                "cli", *arguments, folder=self.folder, environment=env, printed=Path(printed)
            )
        return Ended(ended.exit, ended.stdout, ended.stderr)

    def run(self, *more: str, data: str = "data", settings: Sequence[str] = SMALL) -> Ended:
        """Run the main graph on the data set."""
        return self.command("run", GRAPH, "--input", f"root={data}", *settings, "--json", *more)

    def plan(self, *more: str, settings: Sequence[str] = SMALL) -> dict[str, Any]:
        """Plan it."""
        ended = self.command("plan", GRAPH, "--input", "root=data", *settings, "--json", *more)
        assert ended.exit == 0, ended.stderr
        return ended.json["nodes"]

    def get(self, name: str, *more: str) -> Ended:
        """Look at a stored intermediate."""
        return self.command("get", GRAPH, name, "--input", "root=data", *SMALL, *more)


@pytest.fixture(scope="module")
def first_run(warm_forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, Ended]:
    """Two photos through the main graph."""
    site = Site(tmp_path_factory.mktemp("first") / "site", warm_forks)
    site.folder.mkdir()
    site.take_photos(2)
    ended = site.run()
    assert ended.exit == 0, ended.stderr
    return site, ended


@pytest.fixture
def site(first_run: tuple[Site, Ended], tmp_path: Path) -> Site:
    """A copy of where that was run, hard links kept."""
    subprocess.run(["cp", "-a", first_run[0].folder, tmp_path / "site"], check=True)
    return replace(first_run[0], folder=tmp_path / "site")
