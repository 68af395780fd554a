"""The works as drivers of Hamilton. What changes is an input: literals of nodes are no part of its keys."""

from itertools import pairwise
from pathlib import Path
from typing import Any

from hamilton import ad_hoc_utils, driver
from hamilton.execution.executors import SynchronousLocalTaskExecutor
from hamilton.function_modifiers import parameterize, source, value
from hamilton.htypes import Collect, Parallelizable

from memo.functions import Functions, Run
from memo.works import STAGES, Phase, Work, ends, readers, stage_step, step


def prepare(work: Work, phase: Phase, functions: Functions, folder: Path) -> Run:
    """A graph of plain nodes."""
    middle = work.size // 2
    nodes: dict[int, dict[str, Any]] = {count: {} for count in functions}
    for index, reads in enumerate(readers(work)):
        links = {name: source(f"n{read}") for name, read in zip("abcd", reads, strict=False)}
        k = source("k") if index == middle else value(step(work, index, phase))
        nodes[len(reads)][f"n{index}"] = {**links, "k": k}
    used = [parameterize(**nodes[count])(function) for count, function in functions.items() if nodes[count]]
    module = ad_hoc_utils.create_temporary_module(*used)
    built = driver.Builder().with_modules(module).with_cache(path=str(folder)).build()
    outputs = [f"n{index}" for index in ends(work)]

    def run() -> list[Any]:
        values = built.execute(outputs, inputs={"k": step(work, middle, phase)})
        return [values[name] for name in outputs]

    return run


def numbers(size: int) -> Parallelizable[int]:
    """Give numbers."""
    yield from range(size)


def collected(after: Collect[int]) -> list:
    """Take the items together."""
    return list(after)


def prepare_stream(work: Work, phase: Phase, functions: Functions, folder: Path) -> Run:
    """A source that is expanded item by item, and collected after the last node; in one thread."""
    names = ["numbers", *(f"n{stage}" for stage in range(STAGES - 1)), "after"]
    stages = {
        after: {"a": source(before), "k": value(stage_step(stage))}
        for stage, (before, after) in enumerate(pairwise(names))
    }
    module = ad_hoc_utils.create_temporary_module(numbers, parameterize(**stages)(functions[1]), collected)
    built = (
        driver.Builder()
        .enable_dynamic_execution(allow_experimental_mode=True)
        .with_local_executor(SynchronousLocalTaskExecutor())
        .with_remote_executor(SynchronousLocalTaskExecutor())
        .with_modules(module)
        .with_cache(path=str(folder))
        .build()
    )
    size = work.size + (phase == "changed")
    return lambda: built.execute(["collected"], inputs={"size": size})["collected"]
