"""Finding models: on this machine alone, whole, and known by what they are, not by where they lie."""

from __future__ import annotations

import os
import shutil

import pytest

from nodegraph import ModelRef
from nodegraph.models import ModelError
from nodegraph.models import sources as places
from nodegraph.models.find import find_model
from nodegraph.models.hub import hub_cache
from nodegraph.models.sources import described, locate, named
from nodegraph.types.wire import decode, digest, encode


def travelled(ref):
    return decode(encode(ref))


def test_folder_is_found_again_after_the_ref_travelled_along_a_link(disk, kind, digest_of):
    folder = disk.pipeline("p")
    ref = find_model(kind, folder, dtype="float16", digest_of=digest_of)
    arrived = travelled(ref)
    assert (arrived.source, arrived.dtype, arrived.fingerprint) == ("", "float16", ref.fingerprint)
    assert arrived == ref
    assert locate(arrived) == folder
    assert named(arrived).source == str(folder)
    assert described(arrived) == f"{kind} {folder}"


def test_moved_folder_and_copy_have_the_same_digest(disk, kind, digest_of):
    first = find_model(kind, disk.sharded("here"), digest_of=digest_of)
    shutil.copytree(disk.root / "here", disk.root / "deep" / "there")
    second = find_model(kind, disk.root / "deep" / "there", digest_of=digest_of)
    assert digest(encode(first)) == digest(encode(second))
    assert locate(first) == disk.root / "deep" / "there"
    shutil.rmtree(disk.root / "deep")
    assert locate(second) == disk.root / "here"


def test_renamed_weight_file_has_the_same_digest(disk, kind, digest_of):
    path = disk.weights("one.safetensors", {"w": ("F32", (4,))})
    first = find_model(kind, path, digest_of=digest_of)
    path.rename(disk.root / "two.safetensors")
    assert find_model(kind, disk.root / "two.safetensors", digest_of=digest_of) == first


def test_files_that_do_not_count_change_nothing(disk, kind, digest_of):
    folder = disk.plain("m")
    first = find_model(kind, folder, digest_of=digest_of)
    disk.bytes("m/README.md", b"new")
    disk.plain("m", "fp16")
    assert find_model(kind, folder, digest_of=digest_of) == first
    assert find_model(kind, folder, variant="fp16", digest_of=digest_of).fingerprint != first.fingerprint


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "vocab.txt", "tokenizer.model"])
def test_changed_or_new_file_that_counts_changes_the_fingerprint(disk, kind, digest_of, name):
    folder = disk.plain("m")
    first = find_model(kind, folder, digest_of=digest_of)
    if name == "model.safetensors":
        disk.weights(f"m/{name}", {"layers.0.w": ("F16", (16,))})
    else:
        disk.bytes(f"m/{name}", b"{}")
    assert find_model(kind, folder, digest_of=digest_of).fingerprint != first.fingerprint


def test_digest_follows_kind_dtype_variant_and_fingerprint_alone():
    refs = [
        ModelRef("a", fingerprint="1"),
        ModelRef("b", fingerprint="1"),
        ModelRef("a", fingerprint="2"),
        ModelRef("a", dtype="float16", fingerprint="1"),
        ModelRef("a", variant="fp16", fingerprint="1"),
    ]
    assert len({digest(encode(ref)) for ref in refs}) == len(refs)
    elsewhere = ModelRef("a", "hub/a", "v2", fingerprint="1")
    assert digest(encode(elsewhere)) == digest(encode(refs[0]))
    assert elsewhere == refs[0]


def test_ref_of_unknown_place_says_so():
    with pytest.raises(ModelError) as error:
        locate(ModelRef("some.kind", fingerprint="ab" * 32))
    assert str(error.value) == (
        "model some.kind abababababab: where it lies is not known in this process; make the ref by "
        "ctx.find_model(...), in a node with @node(..., pure=False) that runs every time"
    )
    assert "(no fingerprint)" in described(ModelRef("some.kind"))


def test_model_that_was_changed_since_is_not_loaded_under_its_old_name(disk, kind, digest_of):
    folder = disk.plain("m")
    disk.bytes("m/vocab.txt", b"of this test alone")
    ref = find_model(kind, folder, digest_of=digest_of)
    disk.bytes("m/config.json", b'{"layers": 7000}')
    with pytest.raises(ModelError, match="moved or changed while the run went on; run again"):
        locate(ref)
    shutil.rmtree(folder)
    with pytest.raises(ModelError, match="moved or changed"):
        locate(ref)


def test_damaged_weights_are_refused_before_a_ref_is_made(disk, kind, digest_of):
    folder = disk.plain("m")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ModelError, match="it is truncated"):
        find_model(kind, folder, digest_of=digest_of)


def test_unknown_kind_and_dtype_are_refused_with_those_there_are(disk, kind, digest_of):
    with pytest.raises(ModelError) as error:
        find_model("no.such", disk.plain("m"), digest_of=digest_of)
    assert "no pack declares a kind of model 'no.such': there are " in str(error.value)
    assert kind in str(error.value)
    with pytest.raises(ModelError, match="dtype 'half' is not known; there are float64, float32"):
        find_model(kind, disk.plain("m"), dtype="half", digest_of=digest_of)


NOWHERE = ["", "./gone", "/gone/too", "a/b/c", "..", "x" * 5000, "nul\0", "~nobody-here/x"]


@pytest.mark.parametrize("source", NOWHERE)
def test_path_that_leads_nowhere_is_refused(kind, digest_of, source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError):
        find_model(kind, source, digest_of=digest_of)


def test_model_without_a_name_is_refused(kind, digest_of):
    with pytest.raises(ModelError, match="no model is named; give a folder, a weight file or a hub id"):
        find_model(kind, "", digest_of=digest_of)


def test_folder_has_no_revision(disk, kind, digest_of):
    with pytest.raises(ModelError, match="a folder has no revision 'v1'"):
        find_model(kind, disk.plain("m"), revision="v1", digest_of=digest_of)


COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub(disk, monkeypatch):
    """A cache of the hub with one model, its files linked to blobs as the hub's own library does it."""
    for name in ("HF_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(disk.root / "hf"))
    folder = disk.plain("made")
    cached = disk.root / "hf" / "hub" / "models--org--tiny-mlp"
    snapshot = cached / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (cached / "blobs").mkdir()
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(COMMIT)
    for number, file in enumerate(sorted(folder.iterdir())):
        blob = cached / "blobs" / f"blob{number}"
        file.rename(blob)
        (snapshot / file.name).symlink_to(os.path.relpath(blob, snapshot))
    return snapshot


@pytest.mark.parametrize("revision", ["", "main", COMMIT])
def test_model_of_the_hub_is_found_in_its_cache(hub, kind, digest_of, revision):
    ref = find_model(kind, "org/tiny-mlp", revision=revision, digest_of=digest_of)
    assert (ref.source, ref.revision) == ("org/tiny-mlp", COMMIT)
    assert locate(travelled(ref)) == hub
    assert named(travelled(ref)).revision == COMMIT


def test_model_of_the_hub_and_a_plain_copy_are_the_same_model(hub, disk, kind, digest_of):
    copy = shutil.copytree(hub, disk.root / "copy")
    one, two = (find_model(kind, source, digest_of=digest_of) for source in ("org/tiny-mlp", copy))
    assert digest(encode(one)) == digest(encode(two))


def test_missing_model_of_the_hub_says_where_it_was_looked_for_and_how_to_get_it(hub, disk, kind, digest_of):
    with pytest.raises(ModelError) as error:
        find_model(kind, "org/other", digest_of=digest_of)
    assert str(error.value) == (
        f"model org/other: it is not on this machine (looked in {disk.root}/hf/hub/models--org--other); "
        "nodegraph does not use the network: give a folder, or fetch it: hf download org/other"
    )
    with pytest.raises(ModelError, match=r"revision v9 is not .*: hf download org/tiny-mlp --revision v9$"):
        find_model(kind, "org/tiny-mlp", revision="v9", digest_of=digest_of)


def test_half_downloaded_model_of_the_hub_is_refused(hub, kind, digest_of):
    (hub / "model.safetensors").resolve().unlink()
    with pytest.raises(ModelError, match="it has no weights"):
        find_model(kind, "org/tiny-mlp", digest_of=digest_of)


@pytest.mark.parametrize("revision", ["../../..", "a/../b", "/etc", "a b", ".hidden"])
def test_revision_that_leads_out_of_the_cache_is_refused(hub, kind, digest_of, revision):
    with pytest.raises(ModelError, match="is no revision"):
        find_model(kind, "org/tiny-mlp", revision=revision, digest_of=digest_of)


def test_branch_that_names_a_folder_elsewhere_is_not_followed(hub, kind, digest_of):
    (hub.parents[1] / "refs" / "main").write_text("../../../../made")
    with pytest.raises(ModelError, match="is not on this machine"):
        find_model(kind, "org/tiny-mlp", digest_of=digest_of)


def test_cache_lies_where_the_environment_says(tmp_path):
    assert hub_cache({"HF_HUB_CACHE": "/a", "HF_HOME": "/b"}).as_posix() == "/a"
    assert hub_cache({"HF_HOME": "/b", "XDG_CACHE_HOME": "/c"}).as_posix() == "/b/hub"
    assert hub_cache({"XDG_CACHE_HOME": "/c"}).as_posix() == "/c/huggingface/hub"
    assert hub_cache({}).as_posix().endswith("/.cache/huggingface/hub")


def test_sources_can_be_noted_and_read_by_many_threads_at_once():
    from concurrent.futures import ThreadPoolExecutor
    from pathlib import Path

    def note(number):
        places.register("aa" * 16, places.Source(f"s{number % 5}", "", Path(f"/s{number % 5}"), {}))
        return named(ModelRef("k", fingerprint="aa" * 16)).source

    with ThreadPoolExecutor(8) as threads:
        assert {*threads.map(note, range(200))} <= {f"s{number}" for number in range(5)}
