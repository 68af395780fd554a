import pytest

from nodegraph import Context
from nodegraph.models import ModelError
from nodes.load import load_depth


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))


@pytest.mark.parametrize(
    ("size", "told"), [("Small", "99.2 MB, licence: Apache-2.0"), ("Large", "1.3 GB, licence: CC-BY-NC-4.0")]
)
@pytest.mark.usefixtures("empty_cache")
def test_published_model_that_is_not_here_is_told_with_its_size_licence_and_command(size, told):
    name = f"depth-anything/Depth-Anything-V2-{size}-hf"
    with pytest.raises(ModelError) as error:
        load_depth(name, ctx=Context.for_test())
    assert told in str(error.value)
    assert f"hf download {name} --include '*.json' --include model.safetensors" in str(error.value)


def test_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ModelError, match="no such model folder"):
        load_depth(tmp_path / "nowhere", ctx=Context.for_test())
