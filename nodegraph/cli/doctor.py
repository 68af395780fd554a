"""`nodegraph doctor`: what nodegraph finds on this machine, and what is wrong with it."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nodegraph.cli.doctor_models import NamedModel, fetch_commands, models_of
from nodegraph.cli.groups import GraphValues
from nodegraph.cli.options import (
    AsJson,
    GraphInputs,
    NodePacks,
    Overlays,
    ParamValues,
    Quiet,
    StoreFolder,
    UsageError,
)
from nodegraph.cli.terminal import Terminal

if TYPE_CHECKING:
    from nodegraph.check.checked import CheckedGraph
    from nodegraph.node.packs import Pack
    from nodegraph.place.diagnosis import TorchSight
    from nodegraph.place.found import Found

_PARTS = ("pydantic", "numpy", "opencv-python-headless", "av", "networkx", "msgpack", "blake3")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that doctor looked at: what, what it found, and what is wrong with it (or "")."""

    topic: str
    found: str
    wrong: str = ""


def doctor(
    graph: Annotated[Path | None, typer.Argument(metavar="[GRAPH]", help="Is it ready to run?")] = None,
    inputs: GraphInputs = None,
    sets: ParamValues = None,
    values: Overlays = None,
    store: StoreFolder = None,
    nodes: NodePacks = None,
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Look at this machine, or at what a graph needs."""
    from nodegraph.cli.edge import DONE, FAILED
    from nodegraph.node.packs import load_packs
    from nodegraph.show.wording import table

    terminal = Terminal(json, quiet)
    if graph is None and (inputs or sets or values):
        raise UsageError("--input, --set and --values are for a graph; name its file: nodegraph doctor GRAPH")
    packs = load_packs(nodes or ())
    devices, found = _devices()
    findings = [*_software(), *_packs(packs), _store(store), *devices]
    models: list[NamedModel] = []
    if graph is not None:
        checked, finding = _graph(graph, GraphValues(inputs, sets, values))
        models = [] if checked is None else list(models_of(checked))
        findings += [finding, *(Finding(*model.told()) for model in models)]
    wrong = [finding for finding in findings if finding.wrong]
    if json:
        terminal.result_json(_as_json(findings, found, models))
    else:
        terminal.result(table([(finding.topic, finding.found or "-") for finding in findings]))
        for finding in wrong:
            terminal.error(f"{terminal.styled('problem:', 'red')} {finding.topic}: {finding.wrong}")
        if commands := fetch_commands(models):
            terminal.result("\n".join(("", "what is missing can be fetched:", *commands)))
    return FAILED if wrong else DONE


def _software() -> list[Finding]:
    from importlib.metadata import PackageNotFoundError, version

    python = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    found = [Finding("nodegraph", version("nodegraph")), Finding("python", python)]
    for part in _PARTS:
        try:
            found.append(Finding(part, version(part)))
        except PackageNotFoundError:
            found.append(Finding(part, "not installed", f"not installed; pip install {part}"))
    return found


def _packs(packs: Sequence[Pack]) -> list[Finding]:
    from nodegraph.show.wording import counted

    return [
        Finding(
            f"pack {pack.name}",
            f"{pack.version or 'no version'}, {counted(len(pack.types), 'node type')}",
            pack.problem or "",
        )
        for pack in packs
    ]


def _store(folder: Path | None) -> Finding:
    """The store's place and room; nothing is made there."""
    from nodegraph.show.wording import size_text
    from nodegraph.store import default_store_folder

    place = (folder or default_store_folder()).absolute()
    nearest = next(path for path in (place, *place.parents) if path.exists())
    free = size_text(shutil.disk_usage(nearest).free)
    if not nearest.is_dir():
        return Finding("store", str(place), f"{nearest} is not a folder; name another with --store")
    if not os.access(nearest, os.W_OK | os.X_OK):
        return Finding("store", str(place), f"{nearest} cannot be written; name another with --store")
    return Finding("store", f"{place}, {'' if place.exists() else 'not made yet, '}{free} free")


def _devices() -> tuple[list[Finding], tuple[Found, ...]]:
    """Driver, torch and devices; torch is imported only where it may see one."""
    from nodegraph.place.diagnosis import remarks
    from nodegraph.place.discovery import discover, this_machine

    machine = this_machine(may_import_torch=True)
    discovered = discover(machine)
    asked = machine.build is not None and bool(machine.build.accelerator)
    told = remarks(machine, discovered, _torch_sight() if asked else None)
    return [Finding(remark.topic, remark.found, remark.wrong) for remark in told], discovered.found


def _torch_sight() -> TorchSight:
    from nodegraph.place.diagnosis import TorchSight
    from nodegraph.place.torch_devices import import_torch

    try:
        return TorchSight(len(import_torch().cuda()))
    except (ImportError, OSError) as error:
        return TorchSight(0, str(error))


def _graph(graph: Path, given: GraphValues) -> tuple[CheckedGraph | None, Finding]:
    """Whether a graph could run as it is: no problems, every input given, every folder there."""
    from nodegraph.check import check
    from nodegraph.graph.problem import GraphError
    from nodegraph.plan.naming import names_models
    from nodegraph.show.wording import counted

    topic = f"graph {graph}"
    try:
        checked = check(graph, **given.for_check(), require_inputs=True)
    except GraphError as error:
        first = error.problems[0]
        return None, Finding(
            topic, counted(len(error.problems), "problem"), f"{first}; see nodegraph check {graph}"
        )
    missing = [
        f"{node.id}.{name}: {literal} does not exist"
        for node in checked.nodes.values()
        for name, literal in node.params.items()
        if isinstance(literal, Path) and not literal.exists() and not names_models(node.type)
    ]
    return checked, Finding(topic, counted(len(checked.nodes), "node"), "; ".join(missing))


def _as_json(
    findings: Sequence[Finding], devices: Sequence[Found], models: Sequence[NamedModel]
) -> dict[str, Any]:
    from nodegraph.place.diagnosis import device_json

    return {
        "ok": not any(finding.wrong for finding in findings),
        "found": [
            {"topic": finding.topic, "found": finding.found, "problem": finding.wrong} for finding in findings
        ],
        "devices": [device_json(device) for device in devices],
        "models": [model.as_json() for model in models],
    }
