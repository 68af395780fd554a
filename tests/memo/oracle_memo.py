"""The oracle's own memo: what was recorded, which values have bytes, and what a run must therefore execute.

A prediction is a range. Without missing bytes its two ends are the same. Where bytes are missing, the lower
end is what has to be made again in any case. The upper end allows what is no promise: that a join, which
passes values on by digest, has its inputs made again, and that of a stream that is needed again all items
without bytes are made.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field

from tests.memo.oracle import DROPPED, FAILED, Call, Evaluation
from tests.memo.oracle_states import Choice


@dataclass
class Memo:
    """What the store holds.

    Attributes:
        rows: keys of calls that gave a value or dropped their item.
        listings: keys of generators whose items are known, and whether their list is surely there.
        bytes: values whose bytes are there.
    """

    rows: set[Hashable] = field(default_factory=set)
    listings: dict[Hashable, bool] = field(default_factory=dict)
    bytes: set[Hashable] = field(default_factory=set)


@dataclass
class Prediction:
    """What a run may execute: `least` of it at least, `most` at most; `anew` without regard to bytes."""

    least: set[Call]
    most: set[Call]
    anew: set[Call]

    @property
    def is_clean(self) -> bool:
        """Whether no bytes have to be made again, so that it is exact."""
        return self.least == self.most == self.anew


class _Forecast:
    """One end of a prediction."""

    def __init__(
        self, memo: Memo, evaluation: Evaluation, choice: Choice, *, most: Collection[Call] | None = None
    ) -> None:
        self._memo = memo
        self._force = choice.force
        self._least = most is not None
        self._makers = _makers(most or ())
        self._by_node: dict[str, list[Call]] = defaultdict(list)
        self._items: dict[Call, list[Call]] = defaultdict(list)
        for call in evaluation.calls:
            self._by_node[call.node.name].append(call)
        self.anew = {call for call in evaluation.calls if self.runs_anyway(call)}
        self.executing = set(self.anew)
        self._waiting = list(self.anew)
        self._demand_outputs(evaluation)
        while self._waiting:
            self._supply(self._waiting.pop())

    def generates(self, fan: Call) -> bool:
        """Whether a generator runs, rather than its list being known."""
        if fan.key is None or fan.outcome == FAILED or fan.node.name in self._force:
            return True
        if fan.outcome == DROPPED:
            return fan.key not in self._memo.rows
        surely = self._memo.listings.get(fan.key)
        return surely is None or not (surely or self._least)

    def runs_anyway(self, call: Call) -> bool:
        """Whether a call runs whatever bytes are there."""
        if call.role == "fan":
            return self.generates(call)
        if call.fan is not None and not self.generates(call.fan):
            return False
        if call.role == "given" or call.key is None or call.outcome == FAILED:
            return True
        return call.node.name in self._force or call.key not in self._memo.rows

    def _demand_outputs(self, evaluation: Evaluation) -> None:
        for name, output in evaluation.outputs:
            node = next(node for node in evaluation.nodes if node.name == name)
            at = list(node.type.outputs).index(output)
            found = None if evaluation.places[name].chain else evaluation.results[name][()]
            if isinstance(found, Call) and found.has_value and node.type.outputs[output] != "vec":
                self._need(found.reps[at], found, whole=False)

    def _supply(self, call: Call) -> None:
        """See to it that what a call reads is there."""
        source = call.fan or call
        if source.node.type.role == "join" and self._least:
            return
        for found, maker, streamed in source.needs:
            self._need(found, maker, whole=streamed or source.role == "fan")

    def _need(self, found: Hashable, maker: Call, *, whole: bool) -> None:
        if found in self._memo.bytes or maker in self.executing:
            return
        if self._least and (maker.node.type.role == "join" or self._makers[found] - {maker.key}):
            return
        self._run(maker)
        if whole and not self._least:
            for other in self._by_node[maker.node.name]:
                if other.role != "fan" and any(one not in self._memo.bytes for one in other.reps):
                    self._run(other)

    def _run(self, call: Call) -> None:
        if call not in self.executing:
            self.executing.add(call)
            self._waiting.append(call)


def predict(memo: Memo, evaluation: Evaluation, choice: Choice) -> Prediction:
    """What a run must and may execute."""
    most = _Forecast(memo, evaluation, choice)
    least = _Forecast(memo, evaluation, choice, most=most.executing)
    return Prediction(least.executing, most.executing, most.anew)


def _makers(calls: Iterable[Call]) -> Mapping[Hashable, set[Hashable]]:
    """The work that may store each value."""
    found: dict[Hashable, set[Hashable]] = defaultdict(set)
    for call in calls:
        for rep in call.reps:
            found[rep].add(call.key if call.key is not None else call)
    return found


def stores(call: Call) -> bool:
    """Whether the bytes of what a call gives are kept, wherever it stands."""
    return call.node.type.keep and call.node.type.role != "join"


def learn(memo: Memo, prediction: Prediction, choice: Choice) -> None:
    """Enter what a run has recorded; the bytes are looked up in the store."""
    for call in prediction.most:
        if call.key is None or call.outcome == FAILED:
            continue
        if call.role != "fan" or call.outcome == DROPPED:
            memo.rows.add(call.key)
        elif call in prediction.least and call.whole and not call.cut:
            memo.listings[call.key] = True


def may_have_bytes(memo: Memo, prediction: Prediction, outputs: Collection[str]) -> set[Hashable]:
    """The values that may have bytes after a run."""
    made = {rep for call in prediction.most if stores(call) or call.node.name in outputs for rep in call.reps}
    return memo.bytes | made


def must_have_bytes(prediction: Prediction) -> set[Hashable]:
    """The values that a run must have left bytes of."""
    return {rep for call in prediction.least if stores(call) for rep in call.reps}


@dataclass
class Group:
    """Nodes that share work, and how many calls of them may be executed in all."""

    nodes: set[str]
    least: int = 0
    most: int = 0


def groups(evaluation: Evaluation, prediction: Prediction, *, alone: bool) -> list[Group]:
    """How many calls are executed, by nodes that have calls in common: which of two equal calls runs, and
    which is then found, is no promise.

    Args:
        alone: whether no two calls run at once, so that no work is done twice.
    """
    shared: dict[Hashable, set[str]] = defaultdict(set)
    for call in evaluation.calls:
        if call.counts and call.key is not None:
            shared[call.key].add(call.node.name)
    found = _joined({node.name for node in evaluation.nodes}, shared.values())
    by_node = {name: group for group in found for name in group.nodes}
    exact = alone and prediction.is_clean
    worked = {call.key for call in prediction.most if call.key is not None}
    seen: dict[str, set[Hashable]] = {"least": set(), "most": set()}
    for call in evaluation.calls:
        if not call.counts or call.outcome == FAILED:
            continue
        group = by_node[call.node.name]
        once = call.key if call.key is not None else call
        if call in prediction.least and once not in seen["least"]:
            seen["least"].add(once)
            group.least += 1
        again = not exact or call.role == "given" or not is_done_once(call)
        executes = call in prediction.most or (not exact and call.key in worked)
        if executes and (again or once not in seen["most"]):
            seen["most"].add(once)
            group.most += 1
    return found


def is_done_once(call: Call) -> bool:
    """Whether two equal calls are one: not in one batch, and not where no bytes are kept for the second."""
    return call.node.type.keep and call.node.type.role != "batch"


def _joined(names: Iterable[str], shared: Iterable[set[str]]) -> list[Group]:
    group = {name: Group({name}) for name in names}
    for together in shared:
        first, *others = together
        for other in others:
            if group[other] is not group[first]:
                group[first].nodes |= group[other].nodes
                for name in group[other].nodes:
                    group[name] = group[first]
    return list({id(one): one for one in group.values()}.values())


def logged(calls: Iterable[Call]) -> Counter[tuple[object, ...]]:
    """What functions write down when these calls are executed, each piece of work once."""
    found: Counter[tuple[object, ...]] = Counter()
    seen: set[Hashable] = set()
    for call in calls:
        once = call.key if call.key is not None else call
        if call.log is not None and once not in seen:
            seen.add(once)
            found[call.log] += 1
    return found
