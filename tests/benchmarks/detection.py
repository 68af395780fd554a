"""The detection experiment: what views of a moving camera and moving objects are worth at little data.

Writes a tiny RT-DETR with random weights, trains it on other shapes (graphs/detection_start.json), runs
graphs/detection_experiment.json on that, and prints the tables: mAP of detectors trained on real pictures
alone and with propagated views, means and differences with their intervals over repeated trainings.
docs/experiment.md has the settings and what came out.

    OMP_NUM_THREADS=1 python tests/benchmarks/detection.py                # as in docs/experiment.md
    python tests/benchmarks/detection.py --input steps=2 --input pictures=8 --start-input steps=2
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from nodegraph import Graph
from nodegraph.run.result import Run
from nodes.libraries import library

ROOT = Path(__file__).resolve().parents[2]
SIDE = 96
STAGES = (16, 48, 96)
"""Channels of the backbone at 1/4, 1/8 and 1/16 of the picture; the last is what the encoder sees."""
WIDTH, QUERIES = 64, 20


def make_start(folder: Path, seed: int = 0) -> int:
    """Write a detector with random weights; returns its number of parameters.

    An RT-DETR with one feature level and one decoder layer. transformers draws its weights for checkpoints
    that are loaded over them: linear layers and the scales of batch norms begin near 0, from which a small
    network takes long to get away. So these begin as usual: Glorot, and 1.
    """
    import torch

    transformers = library("transformers")
    backbone = transformers.RTDetrResNetConfig(
        embedding_size=STAGES[0],
        hidden_sizes=list(STAGES),
        depths=[1] * len(STAGES),
        layer_type="basic",
        out_indices=[len(STAGES)],
    )
    config = transformers.RTDetrConfig(
        backbone_config=backbone,
        freeze_backbone_batch_norms=False,
        encoder_in_channels=[STAGES[-1]],
        feat_strides=[16],
        encode_proj_layers=[0],
        encoder_hidden_dim=WIDTH,
        encoder_ffn_dim=2 * WIDTH,
        encoder_attention_heads=4,
        d_model=WIDTH,
        num_queries=QUERIES,
        num_denoising=QUERIES,
        num_feature_levels=1,
        decoder_in_channels=[WIDTH],
        decoder_ffn_dim=2 * WIDTH,
        decoder_layers=1,
        decoder_attention_heads=4,
        id2label={0: "object"},
        label2id={"object": 0},
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = transformers.RTDetrForObjectDetection(config)
        _draw_as_usual(network, config.initializer_range)
    network.save_pretrained(folder)
    processor = transformers.RTDetrImageProcessor(size={"height": SIDE, "width": SIDE}, do_pad=False)
    processor.save_pretrained(folder)
    return sum(parameter.numel() for parameter in network.parameters())


def _draw_as_usual(network: Any, initializer_range: float) -> None:
    """Draw anew what transformers drew with the deviation `initializer_range`, outside the backbone."""
    from torch import nn

    for name, module in network.named_modules():
        if ".backbone.model." in name:
            continue
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
        elif isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            deviation = float(module.weight.detach().std())
            if abs(deviation / initializer_range - 1) < 0.2:
                nn.init.xavier_uniform_(module.weight)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the graphs run.

    Attributes:
        out: results go to `out/NAME`, what is remembered to `out/store`.
        processes: so many run a graph side by side on the one store. Calls with models have a device for
            themselves in each; networks as small as these use little of a machine's cores.
    """

    out: Path
    processes: int
    devices: str


def run_graph(name: str, place: Place, inputs: dict[str, Any]) -> Run:
    """Run a graph of graphs/; what the store has is not computed again."""
    begun = perf_counter()
    file = ROOT / "graphs" / f"{name}.json"
    out, store = place.out / name, place.out / "store"
    given = [
        f"--input={key}={value if isinstance(value, Path) else json.dumps(value)}"
        for key, value in inputs.items()
    ]
    command = [sys.executable, "-m", "nodegraph", "run", file, f"--store={store}", f"--out={out}", *given]
    command += [f"--devices={place.devices}", "--jobs=1", "--quiet"]
    beside = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(place.processes - 1)]
    try:
        run = Graph.load(file).run(store=store, inputs=inputs, out=out, jobs=1, devices=place.devices)
    finally:
        for process in beside:
            process.terminate()
            process.wait()
    for error in run.errors:
        print(error, file=sys.stderr)
    print(f"{name}: {perf_counter() - begun:.0f} s", flush=True)
    return run


def main() -> int:
    """Run the experiment; 1 if any call failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--input", action="append", default=[], metavar="NAME=JSON", help="of the experiment")
    parser.add_argument(
        "--start-input", action="append", default=[], metavar="NAME=JSON", help="of the start"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "detection")
    parser.add_argument("--processes", type=int, default=2, help="side by side; 1 on a GPU")
    parser.add_argument("--devices", default="cpu")
    given = parser.parse_args()
    random = given.out / "random"
    print(f"parameters: {make_start(random):,}")
    place = Place(given.out.resolve(), given.processes, given.devices)
    start = run_graph("detection_start", place, {"detector": random, **_inputs(given.start_input)})
    if not start.ok:
        return 1
    trained = given.out / "detection_start" / "start"
    run = run_graph("detection_experiment", place, {"detector": trained, **_inputs(given.input)})
    if run.ok:
        print(run.value("report"))
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    seconds = sum(usage.ru_utime + usage.ru_stime for usage in used)
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    print(f"{seconds:.0f} s of processor time, {given.processes} processes of {threads} threads")
    return 0 if run.ok else 1


def _inputs(entries: list[str]) -> dict[str, Any]:
    return {name: json.loads(value) for name, _, value in (entry.partition("=") for entry in entries)}


if __name__ == "__main__":
    sys.exit(main())
