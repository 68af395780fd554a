"""Peak memory of a stream of 12-megapixel photos, as the number of photos grows tenfold.

Each photo (36 MB of pixels) is loaded, encoded and counted; each size runs in a process of its own, on a
store that is limited to 1 GiB. Prints peak resident memory and seconds per photo.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WIDTH, HEIGHT = 4000, 3000
COUNTS = (12, 120)


def make_photos(folder: Path, count: int) -> None:
    """Write `count` different photos: colour gradients with a moving bright square."""
    import numpy as np
    from PIL import Image

    ramp = np.linspace(0, 255, WIDTH, dtype=np.uint8)
    base = np.stack(
        [
            np.tile(ramp, (HEIGHT, 1)),
            np.tile(ramp[::-1], (HEIGHT, 1)),
            np.full((HEIGHT, WIDTH), 90, np.uint8),
        ],
        2,
    )
    for index in range(count):
        pixels = base.copy()
        left = (index * 30) % (WIDTH - 200)
        pixels[100:300, left : left + 200] = 255
        Image.fromarray(pixels).save(folder / f"photo-{index:05}.jpg", quality=80)


def run(folder: Path) -> None:
    """Run the graph over a folder and print peak memory (MiB) and seconds as JSON."""
    from nodegraph import Graph
    from nodegraph.api import Options, run_graph
    from nodes.image import encode_image
    from nodes.load import load_images

    graph = Graph("stream memory")
    photos = graph.add(load_images, id="photos", root=folder / "photos")
    graph.output("files", graph.add(encode_image, id="files", image=photos))
    started = time.perf_counter()
    result = run_graph(graph, Options(store=folder / "store", store_size=1 << 30))
    assert result.ok, result.errors
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"peak": peak, "seconds": time.perf_counter() - started}))


def main() -> None:
    """Print the table."""
    print(f"{'photos':>8} {'pixels MiB':>11} {'peak MiB':>9} {'s/photo':>8}")
    peaks: list[float] = []
    for count in COUNTS:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "photos").mkdir()
            make_photos(folder / "photos", count)
            done = subprocess.run(
                [sys.executable, __file__, str(folder)], check=True, capture_output=True, text=True
            )
            measured = json.loads(done.stdout)
        peaks.append(measured["peak"])
        pixels = count * WIDTH * HEIGHT * 3 / 2**20
        print(f"{count:>8} {pixels:>11.0f} {measured['peak']:>9.0f} {measured['seconds'] / count:>8.2f}")
    print(f"peak memory with ten times the photos: {peaks[1] / peaks[0]:.2f} ×")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(Path(sys.argv[1]))
    else:
        main()
