"""What torch draws in a context comes from its seed alone."""

from __future__ import annotations

import pytest

from nodes.libraries import library
from nodes.train.draws import drawing


def _rand(torch, tensor):
    return torch.rand(3, 2)


def _rand_like(torch, tensor):
    return torch.rand_like(tensor)


def _randn_like(torch, tensor):
    return torch.randn_like(tensor)


def _randint_like(torch, tensor):
    return torch.randint_like(tensor, 5, 1000)


def _randperm(torch, tensor):
    return torch.randperm(50)


def _in_place(torch, tensor):
    return torch.empty(3).normal_()


def _bernoulli(torch, tensor):
    return torch.bernoulli(tensor)


def _dropout(torch, tensor):
    return torch.nn.Dropout(0.5)(tensor)


def _linear(torch, tensor):
    return torch.nn.Linear(3, 4).weight


def _initialised(torch, tensor):
    return torch.nn.init.normal_(torch.empty(4, 4))


def _truncated(torch, tensor):
    return torch.nn.init.trunc_normal_(torch.empty(4, 4))


@pytest.mark.parametrize(
    "draw",
    [
        _rand, _rand_like, _randn_like, _randint_like, _randperm, _in_place, _bernoulli, _dropout, _linear,
        _initialised, _truncated,
    ],
)  # fmt: skip
def test_draw_follows_from_the_seed_and_leaves_the_generator_of_torch_alone(draw):
    torch = library("torch")
    tensor = torch.full((40,), 0.5)
    before = torch.random.get_rng_state()
    results = []
    for seed in (1, 1, 2):
        with drawing(seed):
            results.append(draw(torch, tensor).detach())
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_dropout_keeps_the_share_and_scales_what_is_left():
    torch = library("torch")
    tensor = torch.ones(20_000, requires_grad=True)
    with drawing(0):
        dropped = torch.nn.functional.dropout(tensor, 0.25)
        unchanged = torch.nn.functional.dropout(tensor, 0.25, training=False)
    dropped.sum().backward()
    assert torch.equal(unchanged, tensor)
    assert dropped.detach().unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert float((dropped == 0).float().mean()) == pytest.approx(0.25, abs=0.02)
    assert torch.equal(tensor.grad, dropped.detach())


def test_restart_draws_the_same_again():
    torch = library("torch")
    draws = drawing(4)
    with draws:
        first = torch.rand(5)
        second = torch.rand(5)
        draws.restart(4)
        assert torch.equal(torch.rand(5), first)
    assert not torch.equal(first, second)
