"""The JSON form of models: equal ones have the same in every process."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from pydantic import BaseModel, RootModel, TypeAdapter

from nodegraph.types.json_form import dump_json, model_form, read_json

SETS = """
from dataclasses import dataclass
from pydantic import BaseModel, RootModel
from nodegraph.types.json_form import model_form

@dataclass(frozen=True)
class Part:
    names: frozenset[str]

class Inner(RootModel[dict[str, set[str]]]):
    pass

class Outer(BaseModel):
    names: set[str]
    nested: set[frozenset[str]]
    parts: tuple[list[Part], frozenset[int]]
    inner: Inner
    order: list[str]

letters = set("abcdef")
inner = Inner({"b": letters, "a": {"x", "y", "z"}})
print(model_form(Outer(
    names=letters,
    nested={frozenset("abc"), frozenset("cde"), frozenset()},
    parts=([Part(frozenset("pqr"))], frozenset({2**61, 1, 2**40})),
    inner=inner,
    order=list("cab"),
)))
"""


def test_sets_in_a_model_have_one_order_for_every_hash_seed_and_lists_keep_theirs():
    printed = [
        subprocess.run(
            [sys.executable, "-c", SETS],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert printed[0] == printed[1]
    assert json.loads(printed[0].replace("'", '"')) == {
        "names": list("abcdef"),
        "nested": [list("abc"), list("cde"), []],
        "parts": [[{"names": list("pqr")}], [1, 2**40, 2**61]],
        "inner": {"b": list("abcdef"), "a": ["x", "y", "z"]},
        "order": ["c", "a", "b"],
    }


class Chosen(BaseModel):
    names: set[str]


class Listed(RootModel[list[Chosen]]):
    pass


def test_model_with_sets_comes_back_from_its_form():
    listed = Listed([Chosen(names={"b", "a"}), Chosen(names=set())])
    form = model_form(listed)
    assert form == [{"names": ["a", "b"]}, {"names": []}]
    assert read_json(TypeAdapter(Listed), form) == listed
    assert dump_json(TypeAdapter(list[Chosen]), listed.root) == form
