"""Packs found by entry point, by file and by module; each test loads them in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROBE = """
import json, sys
from nodegraph.node.packs import PackError, load_packs, pack_of
from nodegraph.node.registry import find, node_types
try:
    packs = load_packs(sys.argv[1:])
    again = load_packs(sys.argv[1:])
    shown = [[p.name, p.version, p.module, list(p.types), p.problem] for p in packs]
    print(json.dumps({"packs": shown, "same": packs == again, "nodes": list(node_types()),
                      "of": {t: pack_of(n).name for t, n in node_types().items()}, "path": sys.path}))
except PackError as error:
    print(json.dumps({"error": str(error)}))
"""

NODE = "from nodegraph import node\n@node('{}')\ndef f(x: int) -> int:\n    return x\n"


def load(folder: Path, *extra: str | Path, variable: str = "", path: Path | None = None) -> dict[str, Any]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NODEGRAPH", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, "-P", "-B", "-W", "error", "-c", PROBE, *map(str, extra)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**kept, "NODEGRAPH_NODES": variable, "PYTHONPATH": str(path or "")},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def pack(found: dict[str, Any], name: str) -> list[Any]:
    return next(entry for entry in found["packs"] if entry[0] == name)


def install(folder: Path, name: str, module: str, source: str) -> None:
    """Lay out a distribution as an installer does."""
    info = folder / f"{name}-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text(f"[nodegraph.nodes]\n{name} = {module}\n")
    (folder / f"{module}.py").write_text(source)


def test_library_pack_is_installed_and_brings_its_nodes(tmp_path):
    name, version, module, types, problem = pack(load(tmp_path), "nodes")
    assert (name, module, problem) == ("nodes", "nodes", None)
    assert version
    assert {"load.coco", "video.camera_motion", "export.coco"} <= set(types)


def test_file_is_loaded_under_its_stem_and_only_once(tmp_path):
    (tmp_path / "my_nodes.py").write_text(
        "import sys\nsys.loads = getattr(sys, 'loads', 0) + 1\n"
        "assert sys.loads == 1\n" + NODE.format("test.mine")
    )
    found = load(tmp_path, "my_nodes.py", "./my_nodes.py", tmp_path / "my_nodes.py")
    assert pack(found, "my_nodes") == ["my_nodes", None, "my_nodes", ["test.mine"], None]
    assert found["same"]
    assert found["of"]["test.mine"] == "my_nodes"


def test_file_imports_the_modules_beside_it_from_any_working_directory(tmp_path):
    folder = tmp_path / "pack"
    folder.mkdir()
    (folder / "beside.py").write_text("RATE = 3\n")
    (folder / "mine.py").write_text("from beside import RATE\n" + NODE.format("test.beside"))
    found = load(tmp_path, "pack/mine.py")
    assert pack(found, "mine")[3] == ["test.beside"]
    assert str(folder) in found["path"]


def test_nodes_that_a_file_imports_from_beside_belong_to_its_pack(tmp_path):
    (tmp_path / "more.py").write_text(NODE.format("test.more"))
    (tmp_path / "mine.py").write_text("import more\n" + NODE.format("test.mine"))
    assert pack(load(tmp_path, "mine.py"), "mine")[3] == ["test.mine", "test.more"]


def test_annotations_of_a_file_resolve_in_its_own_module(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from __future__ import annotations\nfrom typing import NamedTuple\nfrom nodegraph import node\n"
        "class Two(NamedTuple):\n    a: int\n    b: int\n"
        "@node('test.two')\ndef f(x: int) -> Two:\n    return Two(x, x)\n"
    )
    assert pack(load(tmp_path, "mine.py"), "mine")[3] == ["test.two"]


@pytest.mark.parametrize("stem", ["json", "numpy", "my-nodes", "2d"])
def test_file_named_like_another_module_or_like_none_does_not_hide_it(tmp_path, stem):
    (tmp_path / f"{stem}.py").write_text(NODE.format("test.named"))
    _, _, module, types, _ = pack(load(tmp_path, tmp_path / f"{stem}.py"), stem)
    assert types == ["test.named"]
    assert module not in ("json", "numpy")
    assert module.isidentifier()


def test_two_files_of_one_stem_are_two_packs(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.py").write_text(NODE.format(f"test.{name}"))
    found = load(tmp_path, "a/mine.py", "b/mine.py")
    assert [entry[3] for entry in found["packs"] if entry[0] == "mine"] == [["test.a"], ["test.b"]]


def test_module_is_loaded_by_name(tmp_path):
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "__init__.py").write_text("from bundle import inner\n")
    (tmp_path / "bundle" / "inner.py").write_text(NODE.format("test.inner"))
    found = load(tmp_path, "bundle", path=tmp_path)
    assert pack(found, "bundle") == ["bundle", None, "bundle", ["test.inner"], None]


def test_variable_adds_packs_before_those_of_the_command(tmp_path):
    for name in ("one", "two", "three"):
        (tmp_path / f"{name}.py").write_text(NODE.format(f"test.{name}"))
    found = load(tmp_path, "three.py", variable=os.pathsep.join(["one.py", "two.py"]))
    assert [entry[0] for entry in found["packs"]][-3:] == ["one", "two", "three"]


def test_installed_pack_has_the_version_of_its_distribution(tmp_path):
    install(tmp_path, "extra", "extra_nodes", NODE.format("test.extra"))
    assert pack(load(tmp_path, path=tmp_path), "extra") == [
        "extra",
        "1.5",
        "extra_nodes",
        ["test.extra"],
        None,
    ]


def test_installed_pack_that_does_not_load_leaves_the_others_alone(tmp_path):
    install(tmp_path, "extra", "extra_nodes", "import surely_not_installed\n")
    found = load(tmp_path, path=tmp_path)
    problem = pack(found, "extra")[4]
    assert problem == (
        f"pack extra: {tmp_path / 'extra_nodes.py'}:1: there is no module 'surely_not_installed'; "
        "install it, or correct the name"
    )
    assert pack(found, "nodes")[4] is None
    assert "load.coco" in found["nodes"]


ABSENT = "there is no module 'surely_not_installed'; install it, or correct the name"
EXITS = 'ends the process when it is imported; put that under if __name__ == "__main__":'
BAD_NODE = "from nodegraph import node\n@node('test.bad')\ndef f(x) -> int:\n    return 1\n"


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("def f(:\n", 1, "invalid syntax"),
        ("\nimport surely_not_installed\n", 2, ABSENT),
        ("from json import nothing\n", 1, "ImportError: cannot import name 'nothing' from 'json'"),
        ("def g():\n    1 / 0\ng()\n", 2, "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)\n", 1, EXITS),
        (BAD_NODE, 2, "node 'test.bad': annotate the parameter 'x' with its type"),
        (NODE.format("load.coco"), 2, "node type id 'load.coco' is declared by both "),
    ],
    ids=["syntax", "module", "import", "exception", "exit", "declaration", "taken id"],
)
def test_file_that_does_not_load_is_named_with_line_and_reason(tmp_path, source, line, message):
    file = tmp_path / "mine.py"
    file.write_text(source)
    assert load(tmp_path, "mine.py")["error"].startswith(f"pack mine: {file}:{line}: {message}")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("absent.py", "pack absent.py: there is no such file (working directory: {folder})"),
        ("folder/", "pack folder: give a Python file (ending in .py) or the name of a module"),
        (
            "folder/notes.txt",
            "pack folder/notes.txt: give a Python file (ending in .py) or the name of a module",
        ),
        (
            "absent_module",
            "pack absent_module: there is no module 'absent_module'; install it, or correct the name",
        ),
        ("beside", "pack beside: there is no module of that name; for the file write beside.py"),
        ("a..b", "pack a..b: there is no module"),
    ],
)
def test_pack_that_cannot_be_found_is_named(tmp_path, given, message):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_text("")
    (tmp_path / "beside.py").write_text("")
    assert load(tmp_path, given)["error"].startswith(message.format(folder=tmp_path))


def test_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "mine.py").write_bytes(b"\x00\xff\xfe")
    assert load(tmp_path, "mine.py")["error"].startswith("pack mine: ")


def test_node_that_no_pack_brought_is_known_by_its_module(tmp_path):
    assert load(tmp_path)["of"]["stream.zip"] == "nodegraph"


EDITED = (
    "from nodegraph import node\n{imports}\n"
    "@node('test.edited')\ndef f(x: int) -> int:\n    return {result}\n"
)
RESULT = """
import sys
from nodegraph.node.packs import load_packs
from nodegraph.node.registry import find
load_packs(sys.argv[1:])
print(find("test.edited").function(1))
"""


def run_edited(folder: Path, pack_name: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", RESULT, pack_name], capture_output=True, text=True, check=False, cwd=folder
    )
    return done.stdout.strip() or done.stderr


def rewrite_within_a_second(file: Path, text: str) -> None:
    """Edit a file to the same size, dated in the second in which it was compiled, as a fast edit is."""
    before = file.stat()
    assert before.st_size == len(text)
    file.write_text(text)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))


@pytest.mark.parametrize(
    ("pack_name", "edited"),
    [
        ("mine.py", "mine.py"),
        ("mine.py", "beside.py"),
        ("mine.py", "inner/deep.py"),
        ("mine", "inner/deep.py"),
    ],
)
def test_edit_within_the_second_of_the_last_run_is_run(tmp_path, pack_name, edited):
    (tmp_path / "inner").mkdir()
    files = {
        "mine.py": EDITED.format(imports="import beside, inner.deep", result="1 + beside.A + inner.deep.A"),
        "beside.py": "A = 1\n",
        "inner/__init__.py": "",
        "inner/deep.py": "A = 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(tmp_path)], check=True)
    assert run_edited(tmp_path, pack_name) == "3"
    rewrite_within_a_second(tmp_path / edited, files[edited].replace("1", "2", 1))
    assert run_edited(tmp_path, pack_name) == "4"


def test_installed_pack_edited_within_the_second_of_its_compilation_is_loaded_anew(tmp_path):
    install(tmp_path, "extra", "extra_nodes", EDITED.format(imports="", result="1"))
    source = tmp_path / "extra_nodes.py"
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(source)], check=True)
    compiled = next((tmp_path / "__pycache__").iterdir())
    before = source.stat()
    os.utime(compiled, ns=(before.st_atime_ns, before.st_mtime_ns))
    rewrite_within_a_second(source, EDITED.format(imports="", result="2"))
    assert "run again" in pack(load(tmp_path, path=tmp_path), "extra")[4]
    assert pack(load(tmp_path, path=tmp_path), "extra")[4] is None
