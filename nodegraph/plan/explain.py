"""Why a node would run: from its calls up through the graph, to causes that have no further cause."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from nodegraph.plan.cells import Notes
from nodegraph.plan.explanation import Cause, Explanation, Made
from nodegraph.plan.findings import FILE_CHANGED, OTHER_FILES, Finding, Findings, Kind, Place
from nodegraph.plan.identity import INPUTS_CHANGED
from nodegraph.plan.program import Program, Step
from nodegraph.plan.walk import Walk
from nodegraph.store import Store

_SHOWN_FILES = 3


def explain(program: Program, store: Store, node: str, *, item: str | None = None) -> Explanation:
    """Say why the calls of a node would run, computing nothing.

    Args:
        program: the node with all that leads to it.
        store: what is known already.
        node: the node's id.
        item: only the calls for this item, `a/b` for nested ones.

    Raises:
        LookupError: if the node is not called for such an item; names the nearest.
    """
    notes = Notes()
    walk = Walk(program, store, notes=notes)
    step = program.step(node)
    findings = Findings(program, store, walk, notes)
    chosen = range(len(notes.calls[step.index])) if item is None else _chosen(walk, step, item)
    told = [(at, told) for at in chosen if (told := notes.calls[step.index][at]) is not None]
    wanted = [Place(step.index, Kind.CALL, at) for at, call in told if call.why is not None]
    unlisted = list(_unlisted(program, walk, step)) if item is None else []
    causes = _Causes(program, walk, findings)
    roots = causes.of([*unlisted, *wanted])
    whole = item is None
    return Explanation(
        node=node,
        type=step.type.id,
        items=len(told) if not whole or walk.complete(step) else None,
        cached=len(told) - len(wanted),
        run=len(wanted),
        reasons=reasons_of(walk, step) if whole else _whys(call.why for _, call in told),
        causes=tuple(causes.found),
        roots=roots,
        waits_for=tuple(dict.fromkeys(program.steps[place.step].id for place in unlisted)),
        gone=_gone(program, findings, step) if whole else (),
        made=_made(store, walk, notes, step, chosen),
    )


class _Causes:
    """Puts calls that run for the same reason, with the same causes behind it, together.

    Attributes:
        found: the causes, each after those behind it.
    """

    def __init__(self, program: Program, walk: Walk, findings: Findings) -> None:
        self._program = program
        self._walk = walk
        self._findings = findings
        self.found: list[Cause] = []

    def of(self, places: Sequence[Place]) -> tuple[int, ...]:
        """The causes of these calls, those of most calls first; `found` then holds all behind them, too."""
        findings = self._trace(places)
        number: dict[tuple[int, str, tuple[int, ...]], int] = {}
        groups: list[list[Place]] = []
        causes: dict[Place, tuple[int, ...]] = {}
        # What a place follows from lies in an earlier step, or is of an earlier kind.
        for place in sorted(findings):
            finding = findings[place]
            because = tuple(dict.fromkeys(cause for other in finding.follow for cause in causes[other]))
            if place.kind is Kind.STREAM:
                causes[place] = because
                continue
            known = number.setdefault((place.step, finding.why, because), len(groups))
            if known == len(groups):
                groups.append([])
            groups[known].append(place)
            causes[place] = (known,)
        self.found = [
            self._cause(group, findings, because)
            for group, (_, _, because) in zip(groups, number, strict=True)
        ]
        counts = Counter(cause for place in places for cause in causes[place])
        return tuple(sorted(counts, key=lambda cause: -counts[cause]))

    def _trace(self, places: Sequence[Place]) -> dict[Place, Finding]:
        found: dict[Place, Finding] = {}
        waiting = list(places)
        while waiting:
            place = waiting.pop()
            if place not in found:
                found[place] = self._findings.of(place)
                waiting.extend(found[place].follow)
        return found

    def _cause(
        self, places: Sequence[Place], findings: dict[Place, Finding], because: tuple[int, ...]
    ) -> Cause:
        step = self._program.steps[places[0].step]
        labels = ("/".join(self._path(place)) for place in places)
        files = tuple(dict.fromkeys(name for place in places for name in findings[place].files))
        return Cause(
            node=step.id,
            items=tuple(dict.fromkeys(label for label in labels if label)),
            why=_with_files(findings[places[0]].why, files),
            files=files,
            because=because,
        )

    def _path(self, place: Place) -> tuple[str, ...]:
        step = self._program.steps[place.step]
        chain = step.chain if place.kind is Kind.LISTING else step.node.output_chain
        return self._walk.grid.tables[chain].paths[place.at]


def _chosen(walk: Walk, step: Step, item: str) -> list[int]:
    """The places of the calls for an item.

    Raises:
        LookupError: if there is none.
    """
    labels = ["/".join(path) for path in walk.grid.tables[step.node.output_chain].paths]
    found = [at for at, label in enumerate(labels) if label == item]
    if not found:
        nearest = difflib.get_close_matches(item, labels, n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise LookupError(f"node {step.id!r} is called for no item {item!r}{hint}")
    return found


def _unlisted(program: Program, walk: Walk, step: Step) -> Iterator[Place]:
    """The calls that have to run before all items of a step are known, the outermost first."""
    for depth, name in enumerate(step.node.output_chain, start=1):
        children = walk.grid.tables[step.node.output_chain[:depth]].children
        index = program.step(name).index
        yield from (Place(index, Kind.LISTING, at) for at, inside in enumerate(children) if inside is None)


def _gone(program: Program, findings: Findings, step: Step) -> tuple[str, ...]:
    chain = step.node.output_chain
    return findings.gone_of(program.step(chain[0])) if chain else ()


def _whys(whys: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(why for why in whys if why is not None))


def _with_files(why: str, files: Sequence[str]) -> str:
    """A reason with the names of the files that it is about, the first few of many."""
    if not files:
        return why
    rest = len(files) - _SHOWN_FILES
    names = ", ".join(files[:_SHOWN_FILES]) + (f" and {rest:,} more" if rest > 0 else "")
    named = f"file {names}" if len(files) == 1 else f"files {names}"
    forms = {FILE_CHANGED: f"{named} changed", OTHER_FILES: f"made from other {named}"}
    return forms.get(why, f"{why}, {named}")


def _made(store: Store, walk: Walk, notes: Notes, step: Step, chosen: Iterable[int]) -> Made | None:
    """What the stored results of a step are made of."""
    calls = [notes.calls[step.index][at] for at in chosen]
    told = [call for call in (*calls, *notes.listings[step.index]) if call is not None]
    runs = [call.row.run for call in told if call.why is None and call.row is not None]
    identity = walk.identities.get(step.index)
    if not runs or identity is None:
        return None
    latest = max(runs)
    started = next((run.started for run in store.runs() if run.id == latest), None)
    now = identity.now
    return Made(
        run=latest,
        started=started,
        version=now.version,
        code=tuple(now.code),
        params=now.params,
        files={name: content.hex() for name, content in now.files.items()},
        seed=now.seed,
        links={name: str(source) for name, source in step.node.links.items()},
    )


def reasons_of(walk: Walk, step: Step) -> tuple[str, ...]:
    """Why calls of a step would run, the most frequent reason first.

    Changed inputs are told with how many of all calls have them, where that is known and there are several.
    """
    foreseen = walk.foreseen[step.index]
    items = foreseen.cached + foreseen.run if walk.complete(step) else None
    ordered = sorted(foreseen.reasons.items(), key=lambda entry: (-entry[1], entry[0]))
    return tuple(
        f"{count} of {items} {why}" if why == INPUTS_CHANGED and items not in (None, 1) else why
        for why, count in ordered
    )
