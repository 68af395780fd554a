"""Where the weights and the configuration of a model lie: a file, a folder, the sub-folders of a pipeline.

Read are the layouts of diffusers (`model_index.json` and a sub-folder a component), of transformers
(`config.json` and `model.safetensors`, whole or sharded with an index) and single weight files.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from nodegraph.models.errors import ModelError
from nodegraph.models.headers import StoredTensor, read_header
from nodegraph.models.pickles import PICKLES, is_pickle, pickle_bytes
from nodegraph.models.weights import Weights

PIPELINE = "model_index.json"
"""The file of a pipeline of diffusers that says what it is made of."""
CONFIGURATION = (".json", ".yaml", ".txt", ".model")
"""The suffixes of files that say how a model is built, tokenizers included."""

_NAMES = ("model", "diffusion_pytorch_model", "pytorch_model")
_VARIANT = re.compile(rf"(?:{'|'.join(_NAMES)})\.([^.]+)\.(?:safetensors|bin)")
_SHARD = re.compile(r"-\d+-of-\d+")
_INDEX = re.compile(r"\.index(\.[^.]+)?\.json$")
_WITHOUT_WEIGHTS = re.compile(r"(Scheduler|Tokenizer|Processor|FeatureExtractor)(Fast)?$")
_LARGEST_JSON = 100_000_000
_AGAIN = "fetch or copy the model again"


@dataclass(frozen=True, slots=True)
class ComponentFiles:
    """The weight files of a component.

    Attributes:
        files: in the order of their names.
        index: the file that says which shard holds which tensor, or None where there are no shards.
        shard_of: for each tensor, the name of the shard that must hold it.
    """

    files: tuple[Path, ...]
    index: Path | None = None
    shard_of: Mapping[str, str] = field(default_factory=dict[str, str])


def weight_files(path: Path, variant: str = "") -> dict[str, tuple[Path, ...]]:
    """The weight files of a model by component; that of a model without components is called "".

    Raises:
        ModelError: as `component_files` does.
    """
    return {name: component.files for name, component in component_files(path, variant).items()}


def component_files(path: Path, variant: str = "") -> dict[str, ComponentFiles]:
    """The weight files of a model by component; that of a model without components is called "".

    A component of a pipeline that has no weights of the variant gives its plain ones, as in diffusers.

    Raises:
        ModelError: if there is no such file, folder or variant, it holds no weights, or files are missing.
    """
    if path.is_file():
        return {"": _single_file(path, variant)}
    if not path.is_dir():
        raise ModelError(f"{path}: there is no such file or folder; correct the path")
    if (path / PIPELINE).is_file():
        return _pipeline(path, variant)
    found = _weights_in(path, variant)
    if found is None:
        raise _without_weights(path, variant)
    return {"": found}


def read_weights(path: Path, variant: str = "") -> Weights:
    """What the weight files of a model hold; reads their headers alone.

    Raises:
        ModelError: if files are missing, truncated or damaged; says which.
    """
    return Weights(
        {name: tuple(_tensors(component)) for name, component in component_files(path, variant).items()}
    )


def model_files(path: Path, variant: str = "") -> dict[str, Path]:
    """All files that a model is made of, configuration and the weights of `variant`, by relative POSIX name.

    A single file is named by its suffix alone, so that renaming it changes nothing.

    Raises:
        ModelError: as `component_files` does.
    """
    components = component_files(path, variant)
    if path.is_file():
        return {path.suffix: path}
    files = [file for component in components.values() for file in component.files]
    files += [component.index for component in components.values() if component.index is not None]
    files += _configuration(path, list(components) if (path / PIPELINE).is_file() else None)
    return {file.relative_to(path).as_posix(): file for file in sorted(files)}


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object in a file.

    Raises:
        ModelError: if the file cannot be read, is longer than any such file, or holds something else.
    """
    try:
        if path.stat().st_size > _LARGEST_JSON:
            raise ModelError(f"{path}: it has more than {_LARGEST_JSON} bytes; {_AGAIN}")
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise ModelError(f"{path}: it is not valid JSON; {_AGAIN}") from None
    if not isinstance(content, dict):
        raise ModelError(f"{path}: it is not a JSON object; {_AGAIN}")
    return cast("dict[str, Any]", content)


def _single_file(path: Path, variant: str) -> ComponentFiles:
    if path.suffix != ".safetensors" and not is_pickle(path):
        known = ", ".join((".safetensors", *PICKLES))
        raise ModelError(f"{path}: this is no weight file; their names end in {known}")
    if variant:
        raise ModelError(f"{path}: a single file has no variant {variant!r}; leave the variant out")
    return ComponentFiles((path,))


def _pipeline(folder: Path, variant: str) -> dict[str, ComponentFiles]:
    components: dict[str, ComponentFiles] = {}
    missing: list[str] = []
    variant_is_there = not variant
    for name, class_name in _declared(folder / PIPELINE):
        found = _weights_in(folder / name, variant) if variant else None
        variant_is_there |= found is not None
        found = found or _weights_in(folder / name, "")
        if found is not None:
            components[name] = found
        elif _needs_weights(folder / name, class_name):
            missing.append(name)
    if missing:
        there = _variants_there(folder)
        raise ModelError(f"{folder}: the weights of {', '.join(missing)} are missing{there}; {_AGAIN}")
    if not components or not variant_is_there:
        raise _without_weights(folder, variant)
    return components


def _declared(index: Path) -> Iterator[tuple[str, str]]:
    """Names and classes of a pipeline's components, by name."""
    for name, entry in sorted(read_json(index).items()):
        if not name.startswith("_") and isinstance(entry, list) and entry and isinstance(entry[-1], str):
            _require_plain(index, name)
            yield name, entry[-1]


def _needs_weights(folder: Path, class_name: str) -> bool:
    try:
        is_empty = next(folder.iterdir(), None) is None
    except OSError:
        is_empty = True
    has_config = (folder / "config.json").is_file()
    return is_empty or (has_config and _WITHOUT_WEIGHTS.search(class_name) is None)


def _weights_in(folder: Path, variant: str) -> ComponentFiles | None:
    """The weights in a folder, safetensors before pickles; None if there are none of that variant."""
    try:
        names = sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    except OSError:
        return None
    for suffix in (".safetensors", *PICKLES):
        for base in _NAMES:
            index = f"{base}{suffix}.index{_infix(variant)}.json"
            if index in names:
                return _sharded(folder / index)
            if (whole := f"{base}{_infix(variant)}{suffix}") in names:
                return ComponentFiles((folder / whole,))
        if other := _other(folder, names, f"{_infix(variant)}{suffix}"):
            return ComponentFiles((other,))
    return None


def _other(folder: Path, names: Sequence[str], ending: str) -> Path | None:
    """The one weight file that has a name of its own."""
    found = [
        name
        for name in names
        if name.endswith(ending) and not _SHARD.search(name) and not _VARIANT.fullmatch(name)
    ]
    if len(found) > 1:
        raise ModelError(f"{folder}: it has several weight files, {', '.join(found)}; name the file instead")
    return folder / found[0] if found else None


def _sharded(index: Path) -> ComponentFiles:
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ModelError(f"{index}: it has no weight_map that says where tensors are; {_AGAIN}")
    shard_of = {name: str(shard) for name, shard in cast("dict[str, Any]", weight_map).items()}
    names = sorted(set(shard_of.values()))
    for name in names:
        _require_plain(index, name)
    missing = [name for name in names if not (index.parent / name).is_file()]
    if missing:
        raise ModelError(f"{index}: {', '.join(missing)} of {len(names)} files are missing; {_AGAIN}")
    return ComponentFiles(tuple(index.parent / name for name in names), index, shard_of)


def _require_plain(listing: Path, name: str) -> None:
    """Refuse a name that leads out of the folder of the file which mentions it."""
    if not name or name.startswith(".") or "/" in name or "\\" in name or "\0" in name:
        raise ModelError(f"{listing}: {name!r} is not the name of something beside it; {_AGAIN}")


def _tensors(component: ComponentFiles) -> Iterator[StoredTensor]:
    for file in component.files:
        tensors = (pickle_bytes(file),) if is_pickle(file) else read_header(file)
        there = {tensor.name for tensor in tensors}
        for name, shard in component.shard_of.items():
            if shard == file.name and name not in there and not is_pickle(file):
                raise ModelError(
                    f"{file}: tensor {name!r} is not in it, which {component.index} says; {_AGAIN}"
                )
        yield from tensors


def _configuration(folder: Path, components: Sequence[str] | None) -> Iterator[Path]:
    """Files that say how a model is built; of a pipeline, those in its own folders; no hidden ones."""
    index = folder / PIPELINE
    top = None if components is None else {name for name, _ in _declared(index)}
    for root, folders, files in os.walk(folder):
        below = Path(root)
        kept = [name for name in folders if not name.startswith(".")]
        folders[:] = kept if top is None or below != folder else [name for name in kept if name in top]
        for name in files:
            if name.endswith(CONFIGURATION) and not name.startswith(".") and not _INDEX.search(name):
                yield below / name


def _infix(variant: str) -> str:
    return f".{variant}" if variant else ""


def _variants_there(folder: Path) -> str:
    files = (file.name for pattern in ("*", "*/*") for file in folder.glob(pattern))
    variants = sorted({match[1] for name in files if (match := _VARIANT.fullmatch(name))})
    return f"; there are variants {', '.join(variants)}" if variants else ""


def _without_weights(folder: Path, variant: str) -> ModelError:
    there = _variants_there(folder)
    if variant:
        return ModelError(f"{folder}: it has no weights of variant {variant!r}{there}")
    expected = f"{PIPELINE}, or config.json and model.safetensors, or one .safetensors or .pt file"
    what_to_do = "name the folder that holds the weights, or fetch the model again"
    hint = "give one as variant" if there else f"expected {expected}; {what_to_do}"
    return ModelError(f"{folder}: it has no weights{there}; {hint}")
