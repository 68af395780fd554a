"""`@model`: what a pack declares is checked where it is declared, and used as declared."""

from __future__ import annotations

import pytest

from nodegraph import DeclarationError, ModelRef, model
from nodegraph.models import ModelError
from nodegraph.models.find import find_model
from nodegraph.models.kinds import model_kind, model_kinds
from nodegraph.models.loading import load_model, model_sizes, to_device, to_host, weight_paths


def loads(ref, folder, device, mode):
    return ref, folder, device, mode


def loads_too(ref, folder, device, mode):
    return None


def test_declared_function_stays_itself_and_is_known_by_its_kind(kind):
    declared = model("test.declared")(loads)
    assert declared is loads
    assert model_kind("test.declared").load is loads
    assert "test.declared" in model_kinds()


def test_kind_of_two_functions_is_refused_and_of_one_declared_again_is_not():
    model("test.twice")(loads)
    model("test.twice")(loads)
    with pytest.raises(DeclarationError) as error:
        model("test.twice")(loads_too)
    assert str(error.value) == (
        f"kind of model 'test.twice' is declared by both {__name__}.loads and {__name__}.loads_too"
    )


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        ("Bad Id", {}, "must be lower-case identifiers joined by dots"),
        ("test.modes", {"modes": ("swap",)}, "modes are 'resident' and any of 'swap', 'chunked', 'offload'"),
        ("test.modes", {"modes": ("resident", "half")}, "any of 'swap', 'chunked', 'offload'"),
    ],
)
def test_declaration_that_cannot_be_is_refused(kind, options, says):
    with pytest.raises(DeclarationError, match=says):
        model(kind, **options)(loads)


@pytest.mark.parametrize("function", [lambda ref: None, lambda ref, folder, device, mode, more: None])
def test_function_of_other_arguments_is_refused(function):
    with pytest.raises(DeclarationError, match=r"must take four arguments: \(ref, folder, device, mode\)"):
        model("test.arguments")(function)


def test_model_is_loaded_by_the_function_of_its_kind(disk, kind, digest_of):
    folder = disk.plain("m")
    ref = find_model(kind, folder, digest_of=digest_of)
    assert load_model(ref, "cpu", "resident") == (ref, folder, "cpu", "resident")
    assert [path.name for path in weight_paths(ref)] == ["config.json", "model.safetensors"]
    with pytest.raises(ModelError, match="not offered in mode 'swap', only resident"):
        load_model(ref, "cpu", "swap")


def test_ref_of_an_unknown_kind_is_refused():
    with pytest.raises(ModelError, match=r"no pack declares a kind of model 'no\.such'"):
        load_model(ModelRef("no.such"), "cpu", "resident")


def test_sizes_follow_from_the_weights_for_the_modes_offered(disk, digest_of):
    model("test.sized", modes=("offload", "resident"))(loads)
    ref = find_model("test.sized", disk.pipeline("p"), dtype="float16", digest_of=digest_of)
    assert model_sizes(ref) == {"resident": 810, "offload": 400}


def test_kind_may_say_its_own_sizes(disk, digest_of):
    model("test.own_size", size=lambda ref, weights: {"resident": 2 * weights.nbytes(ref.dtype)})(loads)
    ref = find_model("test.own_size", disk.plain("m"), digest_of=digest_of)
    assert model_sizes(ref) == {"resident": 64}


@pytest.mark.parametrize("sizes", [{}, {"resident": -1}, {"resident": 1.5}, {"resident": 1, "swap": 1}])
def test_sizes_of_other_modes_or_of_no_bytes_are_refused(disk, digest_of, sizes):
    model("test.wrong_size", size=lambda ref, weights: sizes)(loads)
    ref = find_model("test.wrong_size", disk.plain("m"), digest_of=digest_of)
    with pytest.raises(ModelError, match=r"size= of .*loads gave .*; it must give bytes for resident"):
        model_sizes(ref)


def test_model_moves_by_its_own_to(kind):
    import torch

    module = torch.nn.Linear(2, 2)
    assert to_host(ModelRef(kind), module) is module
    assert to_device(ModelRef(kind), module, "meta").weight.device.type == "meta"


def test_model_without_to_is_not_moved(kind):
    assert to_host(ModelRef(kind), object()) is None
    assert to_device(ModelRef(kind), object(), "cpu") is None


def test_model_moves_as_its_kind_declares():
    model("test.moves", to_host=lambda m: [m, "host"], to_device=lambda m, device: [m, device])(loads)
    assert to_host(ModelRef("test.moves"), "m") == ["m", "host"]
    assert to_device(ModelRef("test.moves"), "m", "cuda:1") == ["m", "cuda:1"]


def test_files_that_the_check_of_a_kind_refuses_are_no_model_of_it(disk, kind, digest_of):
    def only_plain(path, config):
        if (path / "other").is_file():
            raise ModelError(f"{path}: another model, asked for with {config!r}")

    model("test.checked", check=only_plain)(loads)
    folder = disk.plain("m")
    assert find_model("test.checked", folder, digest_of=digest_of).source == str(folder)
    (folder / "other").touch()
    with pytest.raises(ModelError, match="m: another model, asked for with 'so'"):
        find_model("test.checked", folder, config="so", digest_of=digest_of)
