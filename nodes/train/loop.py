"""The training loop: steps of the optimiser, from where a killed training left off.

A loop of our own over torch, with the models and losses of transformers. The `Trainer` of transformers and
`Accelerator` keep device, precision and random numbers for the whole process, where here other calls run at
the same time, and read pickles to resume. All that is drawn follows from the seed and the step, so there is
no state of random numbers to keep: a training that was killed ends with the same weights, to the bit on a CPU
with as many threads, as one that ran through.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodes.train.draws import drawing
from nodes.train.network import parameter_groups
from nodes.train.pictures import Objects, Pictures, flips, sample_order, step_seed
from nodes.train.settings import Settings, TrainingError
from nodes.train.state import State, load_state, save_state

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

_log = logging.getLogger(__name__)
_log.setLevel(logging.INFO)

_TOLD_SECONDS = 30.0
_ROWS = 500
"""Rows of the log, at most: each averages as many steps as that takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is trained on what, and how.

    Attributes:
        seed: of the order of the pictures, their flips, and what the network draws.
        device: such as "cpu" or "cuda:0".
        normalized: turns a uint8 batch `[B, 3, S, S]` into what the network takes.
        validate: measures a network: mAP and mAP at IoU 0.5; None for no validation.
        workdir: survives a crash.
        progress, cancelled: of the node's context.
    """

    pictures: Pictures
    settings: Settings
    seed: int
    device: str
    normalized: Callable[[Tensor], Tensor]
    validate: Callable[[Module], Mapping[str, float]] | None
    workdir: Path
    progress: Callable[[float, float], None]
    cancelled: Callable[[], bool]

    @property
    def total(self) -> int:
        """Steps of the optimiser in all."""
        return self.settings.total_steps(len(self.pictures))

    @property
    def epoch(self) -> int:
        """Steps that see about as many pictures as there are, at least one."""
        return max(1, round(len(self.pictures) / self.settings.pictures_a_step))


def train(network: Module, plan: Plan) -> State:
    """Train a network in place, and leave in it the weights that are to be kept.

    Raises:
        TrainingError: if the loss is no finite number any more.
        InterruptedError: if the run is being stopped; what was reached is kept for the next one.
    """
    begun = time.monotonic()
    trainee = _Trainee(network, plan)
    state = load_state(plan.workdir, plan.device) or State()
    trainee.load(state.tensors)
    if state.step:
        _log.info("training goes on after step %d of %d", state.step, plan.total)
    clock = _Clock(begun, state.step, plan)
    while state.step < plan.total:
        losses = trainee.step(state.step)
        state.step += 1
        _write_down(state, losses, plan, trainee)
        plan.progress(state.step, plan.total)
        clock.tell(state)
        if plan.cancelled() or clock.is_due():
            state.tensors = trainee.tensors(state.tensors)
            save_state(plan.workdir, state)
        if plan.cancelled():
            raise InterruptedError(f"stopped after step {state.step} of {plan.total}; run again to go on")
    trainee.finish(state.tensors)
    return state


class _Clock:
    """When the state is to be saved, and people are to be told."""

    def __init__(self, begun: float, first: int, plan: Plan) -> None:
        self._begun, self._first, self._plan = begun, first, plan
        self._saved = self._told = begun

    def is_due(self) -> bool:
        """Whether the state is to be saved now."""
        now = time.monotonic()
        if now - self._saved < self._plan.settings.checkpoint_seconds:
            return False
        self._saved = now
        return True

    def tell(self, state: State) -> None:
        """Log loss and time left, now and then and at the end."""
        now = time.monotonic()
        left = self._plan.total - state.step
        if left and now - self._told < _TOLD_SECONDS:
            return
        self._told = now
        each = (now - self._begun) / (state.step - self._first)
        _log.info(
            "step %d of %d, loss %.4g, %.3g s a step, %s left",
            state.step, self._plan.total, state.recent[-1], each, _duration(left * each),
        )  # fmt: skip


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _write_down(state: State, losses: Mapping[str, float], plan: Plan, trainee: _Trainee) -> None:
    """Keep the losses of a step, and what a validation that is due finds, for the log."""
    state.recent = [*state.recent, losses["loss"]][-plan.epoch :]
    for name, loss in losses.items():
        state.pending[name] = state.pending.get(name, 0.0) + loss
    state.pending["steps"] = state.pending.get("steps", 0.0) + 1
    found = _validated(state, plan, trainee)
    if found or state.step == plan.total or state.step % max(1, plan.total // _ROWS) == 0:
        count = state.pending.pop("steps")
        means = {name: total / count for name, total in state.pending.items()}
        seen = state.step * plan.settings.pictures_a_step
        state.rows.append(
            {
                "step": state.step,
                "epoch": round(seen / len(plan.pictures), 4),
                **means,
                "learning_rate": trainee.rate(state.step - 1),
                **found,
            }
        )
        state.pending = {}


def _validated(state: State, plan: Plan, trainee: _Trainee) -> dict[str, float]:
    every = max(1, round(plan.settings.validate_every * plan.epoch))
    if plan.validate is None or (state.step % every and state.step != plan.total):
        return {}
    found = dict(plan.validate(trainee.kept))
    if plan.settings.keep == "best" and found["validation_map"] > state.best:
        state.best = found["validation_map"]
        state.tensors["best"] = {name: tensor.clone() for name, tensor in trainee.kept.state_dict().items()}
    _log.info("step %d: validation mAP %.4g", state.step, found["validation_map"])
    return found


class _Trainee:
    """A network with its optimiser; `kept` is the network whose weights count: it, or its average."""

    def __init__(self, network: Module, plan: Plan) -> None:
        import torch

        settings = plan.settings
        self._network = network.to(plan.device).train()
        self._plan = plan
        self._draws = drawing(0)
        groups = parameter_groups(
            network,
            learning_rate=settings.learning_rate,
            backbone_rate=settings.backbone_rate,
            weight_decay=settings.weight_decay,
        )
        self._optimizer = torch.optim.AdamW(groups, fused=True)
        self._scaler = torch.amp.GradScaler(
            torch.device(plan.device).type, enabled=settings.precision == "fp16"
        )
        self._average = _average_of(network, settings.ema)

    @property
    def kept(self) -> Module:
        """The network that is validated, and kept in the end."""
        return self._network if self._average is None else self._average.module

    def rate(self, step: int) -> float:
        """The learning rate of a step, outside the backbone."""
        settings = self._plan.settings
        return settings.learning_rate * settings.rate(step, self._plan.total)

    def step(self, step: int) -> dict[str, float]:
        """Make a step; gives its losses, averaged over the batches it is made of."""
        import torch

        settings = self._plan.settings
        self._draws.restart(step_seed(self._plan.seed, step))
        self._optimizer.zero_grad()
        losses: dict[str, float] = {}
        for pixels, labels in self._batches(step):
            loss, parts = self._forward(step, pixels, labels)
            self._scaler.scale(loss / settings.accumulate).backward()
            for name, part in parts.items():
                losses[name] = losses.get(name, 0.0) + part / settings.accumulate
        for group in self._optimizer.param_groups:
            group["lr"] = group["initial_lr"] * settings.rate(step, self._plan.total)
        self._scaler.unscale_(self._optimizer)
        if settings.clip_norm:
            torch.nn.utils.clip_grad_norm_(self._network.parameters(), settings.clip_norm)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        if self._average is not None:
            self._average.update_parameters(self._network)
        return losses

    def tensors(self, held: Mapping[str, Any]) -> dict[str, Any]:
        """What `load` takes up, and the best weights if there are some among those held."""
        found = {
            "network": self._network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
        }
        if self._average is not None:
            found["average"] = self._average.state_dict()
        return found | ({"best": held["best"]} if "best" in held else {})

    def load(self, tensors: Mapping[str, Any]) -> None:
        """Go on from what `tensors` gave; from the beginning if there is nothing."""
        if not tensors:
            return
        self._network.load_state_dict(tensors["network"])
        self._optimizer.load_state_dict(tensors["optimizer"])
        self._scaler.load_state_dict(tensors["scaler"])
        if self._average is not None:
            self._average.load_state_dict(tensors["average"])

    def finish(self, held: Mapping[str, Any]) -> None:
        """Put the weights that are to be kept into the network."""
        kept = held.get("best", self.kept.state_dict())
        self._network.load_state_dict(kept)
        self._network.eval()

    def _batches(self, step: int) -> Iterator[tuple[Tensor, list[dict[str, Tensor]]]]:
        """The batches that a step is made of."""
        import torch

        pictures, settings = self._plan.pictures, self._plan.settings
        each, count = settings.batch_size, settings.pictures_a_step
        order = sample_order(len(pictures), step * count, count + each, self._plan.seed)
        mirrored = flips(count, settings.flip, self._plan.seed, step)
        for start in range(0, count, each):
            chosen = order[start : start + each]
            made = [
                _flipped(*picture) if flip else picture
                for picture, flip in zip(
                    pictures.fetch(chosen, order[start + each : start + 2 * each]),
                    mirrored[start : start + each],
                    strict=True,
                )
            ]
            pixels = torch.stack([picture for picture, _ in made]).to(self._plan.device)
            yield self._plan.normalized(pixels), self._labels([objects for _, objects in made])

    def _labels(self, objects: Sequence[Objects]) -> list[dict[str, Tensor]]:
        device = self._plan.device
        return [{"class_labels": each.classes.to(device), "boxes": each.boxes.to(device)} for each in objects]

    def _forward(
        self, step: int, pixels: Tensor, labels: list[dict[str, Tensor]]
    ) -> tuple[Tensor, dict[str, float]]:
        import torch

        precision = self._plan.settings.precision
        dtype = torch.float16 if precision == "fp16" else torch.bfloat16
        try:
            with self._draws, torch.autocast(pixels.device.type, dtype, enabled=precision != "no"):
                outputs = self._network(pixel_values=pixels, labels=labels)
        except ValueError as error:
            # The losses of transformers refuse boxes that are no numbers.
            if "corner) format" in str(error):
                raise self._diverged(step) from None
            raise
        parts = {"loss": float(outputs.loss.detach())}
        if not abs(parts["loss"]) < float("inf"):
            raise self._diverged(step)
        parts |= {
            name: float(part.detach())
            for name, part in outputs.loss_dict.items()
            if not name[-1].isdigit() and isinstance(part, torch.Tensor)
        }
        return outputs.loss, parts

    def _diverged(self, step: int) -> TrainingError:
        precision = self._plan.settings.precision
        narrow = "" if precision == "no" else f", or precision from {precision!r} to 'no'"
        return TrainingError(
            f"the loss of step {step + 1} is no finite number: the training diverged; lower learning_rate "
            f"(now {self._plan.settings.learning_rate:g}) or clip_norm, raise warmup{narrow}"
        )


def _flipped(pixels: Tensor, objects: Objects) -> tuple[Tensor, Objects]:
    """A picture and its boxes mirrored, left to right."""
    boxes = objects.boxes.clone()
    boxes[:, 0] = 1 - boxes[:, 0]
    return pixels.flip(-1), Objects(boxes, objects.classes)


def _average_of(network: Module, decay: float) -> Any:
    """An exponential moving average of the weights and buffers; None without one."""
    if not decay:
        return None
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
    return average.eval()
