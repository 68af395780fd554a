"""A training that is killed goes on where it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nodegraph import Context
from nodes.load.detector import load_detector
from nodes.train import train_detector
from tests.nodes.train.scenes import SMALL, weights_of

PARAMS = SMALL | {"steps": 12, "checkpoint_seconds": 0.0, "ema": 0.5, "learning_rate": 1e-3}

SCRIPT = """
import os, signal, sys
from pathlib import Path
from nodegraph import Context
from nodes.load.detector import load_detector
from nodes.train import train_detector
from tests.nodes.train.scenes import data_of, scene
from tests.nodes.train.test_resume import PARAMS

folder, tmp, last = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
data = data_of({f"{index}.png": scene(index) for index in range(5)})
ctx = Context.for_test(seed=3, tmp=tmp)

def progress(done, total):
    if done == last:
        os.kill(os.getpid(), signal.SIGKILL)

ctx._progress = progress
train_detector(data.images, data.boxes, load_detector(folder, ctx=ctx), ctx=ctx, **PARAMS)
"""


def test_training_killed_and_then_stopped_ends_with_the_weights_of_one_that_ran_through(
    checkpoint, data, trained, tmp_path
):
    folder = checkpoint("rt_detr")
    whole = trained(folder, data, **PARAMS)
    killed = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), str(tmp_path / "killed"), "4"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (tmp_path / "killed" / "workdir" / "state.pt").is_file()
    steps: list[float] = []
    ctx = Context.for_test(seed=3, tmp=tmp_path / "killed")
    ctx._progress = lambda done, total: steps.append(done)
    ctx._cancelled = lambda: steps == [4, 5, 6, 7, 8]
    ref = load_detector(folder, ctx=ctx)
    with pytest.raises(InterruptedError):
        train_detector(data.images, data.boxes, ref, ctx=ctx, **PARAMS)
    resumed = train_detector(data.images, data.boxes, ref, ctx=ctx, **PARAMS)
    assert steps == [*range(4, 13)]
    assert weights_of(resumed) == weights_of(whole)
    assert resumed.loss == whole.loss


def test_training_that_is_stopped_keeps_what_it_reached(checkpoint, data, tmp_path):
    folder = checkpoint("detr")
    ctx = Context.for_test(seed=3, tmp=tmp_path)
    steps: list[float] = []
    ctx._progress = lambda done, total: steps.append(done)
    ctx._cancelled = lambda: len(steps) == 3
    params = PARAMS | {"checkpoint_seconds": 1000.0}
    with pytest.raises(InterruptedError, match="stopped after step 3 of 12; run again to go on"):
        train_detector(data.images, data.boxes, load_detector(folder, ctx=ctx), ctx=ctx, **params)
    ctx._cancelled = lambda: False
    train_detector(data.images, data.boxes, load_detector(folder, ctx=ctx), ctx=ctx, **params)
    assert steps == list(range(1, 13))
