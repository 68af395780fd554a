"""The record of what a run placed, kept in its folder so that it can be placed again."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache

from pydantic import TypeAdapter, ValidationError

from nodegraph.place.problem import Problem
from nodegraph.place.wellformed import require_well_formed

RECORD = "placement.json"
"""The file in the folder of a run that holds what was placed."""


class RecordError(ValueError):
    """A record that is damaged; the message says what to do."""


def pack_problem(problem: Problem) -> bytes:
    """A problem as JSON."""
    # Not by the form: a run need not wait until that is built.
    return json.dumps(asdict(problem)).encode()


def unpack_problem(packed: bytes) -> Problem:
    """A problem out of what `pack_problem` gave.

    Raises:
        RecordError: if it is damaged.
    """
    try:
        problem = _form().validate_json(packed)
        require_well_formed(problem)
    except ValueError as error:
        what = "it is no JSON of a placement" if isinstance(error, ValidationError) else str(error)
        raise RecordError(f"its {RECORD} is damaged: {what}; run the graph again") from None
    return problem


@cache
def _form() -> TypeAdapter[Problem]:
    return TypeAdapter(Problem)
