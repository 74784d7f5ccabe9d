"""Both forms of convolution in space compute what the definition says, voxel by voxel."""

from __future__ import annotations

import copy
import importlib.util
import itertools

import pytest
import torch
from torch import Tensor, nn

from t4zoo.errors import UsageError
from t4zoo.models.common.dense_volume import Dense
from t4zoo.models.common.norm import Norm
from t4zoo.models.common.sparse_volume import Sparse, from_state, into_state
from t4zoo.models.common.volume import Form
from t4zoo.models.common.voxel_encoder import VoxelEncoder
from t4zoo.models.common.voxels import Voxels

SHAPE = (9, 6, 8)
NORM = {"eps": 1e-3, "momentum": 0.1}
installed = importlib.util.find_spec("spconv") is not None
FORMS = [Dense, pytest.param(Sparse, marks=pytest.mark.skipif(not installed, reason="spconv is not installed"))]

Held = dict[tuple[int, ...], Tensor]  # (batch, z, y, x) -> features


def voxels(count: int = 25, channels: int = 3, batch: int = 2) -> Voxels:
    places = torch.randperm(batch * SHAPE[0] * SHAPE[1] * SHAPE[2])[:count].sort().values
    cells = torch.stack(torch.unravel_index(places, (batch, *SHAPE)), dim=1)
    return Voxels(torch.randn(count, channels), cells)


def held_by(voxels: Voxels) -> Held:
    return {tuple(cell): row for cell, row in zip(voxels.cells.tolist(), voxels.features, strict=True)}


def by_definition(held: Held, weight: Tensor, stride=(1, 1, 1), padding=(1, 1, 1), submanifold=True) -> Held:
    """The convolution as a sum over pairs of an input voxel and a place of the kernel."""
    found: Held = {}
    for (batch, *cell), row in held.items():
        for place in itertools.product(*map(range, weight.shape[2:])):
            at = [c + p - k for c, p, k in zip(cell, padding, place, strict=True)]
            out = tuple(a // s for a, s in zip(at, stride, strict=True))
            size = [
                (n + 2 * p - k) // s + 1 for n, p, k, s in zip(SHAPE, padding, weight.shape[2:], stride, strict=True)
            ]
            if any(a % s for a, s in zip(at, stride, strict=True)) or not all(
                0 <= o < n for o, n in zip(out, size, strict=True)
            ):
                continue
            if not submanifold or (batch, *out) in held:
                key = (batch, *out)
                found[key] = found.get(key, torch.zeros(len(weight))) + weight[:, :, *place] @ row
    return found


def same(rows: Tensor) -> Tensor:
    return rows


def weight_of(convolution: nn.Module) -> Tensor:
    return convolution.state_dict()["weight"]


def assert_holds(form: Form, volume, expected: Held) -> None:
    """What is held is as expected, to the voxel, and there is nothing beside it."""
    dense = form.dense(form.apply(same, volume))
    told = torch.zeros_like(dense)
    for (batch, z, y, x), row in expected.items():
        told[batch, :, z, y, x] = row
    torch.testing.assert_close(dense, told, atol=1e-5, rtol=1e-5)
    held = form.dense(form.apply(lambda rows: torch.ones_like(rows), volume))[:, 0]
    assert {tuple(cell) for cell in held.nonzero().tolist()} == set(expected)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
    with torch.no_grad():  # spconv knows no gradients on a CPU
        yield


@pytest.mark.parametrize("kind", FORMS)
def test_a_submanifold_convolution_computes_at_held_voxels_alone(kind):
    form, given = kind(), voxels()
    convolution = form.submanifold(3, 5, 0)
    assert weight_of(convolution).shape == (5, 3, 3, 3, 3)
    expected = by_definition(held_by(given), weight_of(convolution))
    assert_holds(form, convolution(form.volume(given, 2, SHAPE)), expected)


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [((3, 3, 3), (2, 2, 2), (1, 1, 1)), ((3, 3, 3), (1, 2, 2), (1, 1, 1)), ((3, 1, 1), (2, 1, 1), (0, 0, 0))],
)
def test_a_strided_convolution_computes_wherever_its_kernel_reaches_a_held_voxel(kind, kernel, stride, padding):
    form, given = kind(), voxels()
    convolution = form.strided(3, 4, kernel, stride, padding)
    assert weight_of(convolution).shape == (4, 3, *kernel)
    expected = by_definition(held_by(given), weight_of(convolution), stride, padding, submanifold=False)
    assert_holds(form, convolution(form.volume(given, 2, SHAPE)), expected)


@pytest.mark.parametrize("kind", FORMS)
def test_rows_are_of_held_voxels_in_one_order_for_all_volumes(kind):
    form, given = kind(), voxels()
    first, other = form.volume(given, 2, SHAPE), form.volume(Voxels(given.features * 10, given.cells), 2, SHAPE)
    seen = []
    form.apply(lambda *rows: seen.extend(rows) or rows[0], first, other)
    assert [len(rows) for rows in seen] == [25, 25]  # an empty voxel would be another row of the batch norm
    torch.testing.assert_close(seen[0] * 10, seen[1])


def encoder(convolution: str) -> VoxelEncoder:
    torch.manual_seed(1)
    return VoxelEncoder(3, (12, 8, 8), convolution, [4, 6], [1, 1], [[2, 2, 2]], NORM)


@pytest.mark.parametrize("height", range(1, 13))
def test_every_slice_is_seen_and_they_lie_on_top_of_each_other_from_the_lowest_up(height):
    torch.manual_seed(1)
    model = VoxelEncoder(3, (height, 8, 8), "dense", [4, 6], [1, 1], [[2, 2, 2]], NORM).eval()
    slices = model.out_channels // 6
    lowest = []
    for z in range(height):
        canvas = model(Voxels(torch.ones(1, 3), torch.tensor([[0, z, 4, 6]])), 1)
        assert canvas.shape == (1, 6 * slices, 4, 4)
        lowest.append(canvas.reshape(6, slices, 4, 4).abs().sum(dim=(0, 2, 3)).nonzero()[0, 0].item())
    assert lowest == sorted(lowest)
    assert (lowest[0], lowest[-1]) == (0, slices - 1)


def test_what_is_empty_counts_for_no_statistic():
    model, given = encoder("dense").train(), voxels()
    model(given, 2)
    rows = torch.stack(list(by_definition(held_by(given), weight_of(model.first.conv)).values()))
    torch.testing.assert_close(model.first.norm.running_mean, 0.1 * rows.mean(dim=0), atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(model.first.norm.running_var, 0.9 + 0.1 * rows.var(dim=0), atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("kind", FORMS)
def test_clouds_without_a_voxel_give_an_empty_canvas(kind, training):
    model = encoder({Dense: "dense", Sparse: "sparse"}[kind]).train(training)
    before = copy.deepcopy(model.state_dict())
    with torch.enable_grad():
        canvas = model(Voxels(torch.zeros(0, 3), torch.zeros(0, 4, dtype=torch.long)), 2)
        canvas.sum().backward()
    assert torch.equal(canvas, torch.zeros(2, model.out_channels, 4, 4))
    assert all(weight.grad is not None for weight in model.parameters()), "or several GPUs would wait for each other"
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_rows_for_statistics_are_normed_by_those_before(rows):
    norm = Norm(3, **NORM)
    norm(torch.randn(20, 3))
    before, given = norm.running_mean.clone(), torch.randn(rows, 3)
    found = norm.train()(given)
    assert torch.equal(found, norm.eval()(given))
    assert torch.equal(norm.running_mean, before)


def test_the_form_that_is_exported_says_what_the_other_says(monkeypatch):
    model, given = encoder("dense").eval(), voxels()
    before = model(given, 2)
    monkeypatch.setattr(torch.onnx, "is_in_onnx_export", lambda: True)
    torch.testing.assert_close(model(given, 2), before)


@pytest.mark.skipif(not installed, reason="spconv is not installed")
@pytest.mark.parametrize("training", [False, True])
def test_the_same_weights_give_the_same_in_both_forms(training):
    dense, sparse = encoder("dense").train(training), encoder("sparse").train(training)
    sparse.load_state_dict(dense.state_dict())
    given = voxels()
    torch.testing.assert_close(sparse(given, 2), dense(given, 2), atol=1e-4, rtol=1e-4)
    for (name, mine), (other, theirs) in zip(sparse.state_dict().items(), dense.state_dict().items(), strict=True):
        assert name == other
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


class Kept(nn.Module):
    """A weight in the order in which spconv keeps it."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)


def test_a_weight_of_spconv_is_saved_and_loaded_in_the_order_of_the_dense_form():
    from t4zoo.models.common.sparse_volume import _saved_alike

    usual = torch.randn(5, 3, 3, 1, 2)
    assert from_state(usual)[4, 2, 0, 1, 2] == usual[4, 2, 2, 0, 1]
    assert torch.equal(into_state(from_state(usual)), usual)
    model = nn.Sequential(_saved_alike(Kept(torch.zeros(5, 3, 1, 2, 3))))
    model.load_state_dict({"0.weight": usual})
    assert torch.equal(model[0].weight, usual.permute(0, 2, 3, 4, 1))
    assert torch.equal(model.state_dict()["0.weight"], usual)


@pytest.mark.skipif(installed, reason="spconv is installed")
def test_without_spconv_the_extra_is_named():
    with pytest.raises(UsageError, match=r"convolution is sparse, which needs spconv.* extra `spconv`"):
        encoder("sparse")


@pytest.mark.skipif(not installed or torch.cuda.is_available(), reason="spconv is not installed, or can learn here")
def test_where_spconv_cannot_learn_it_says_so():
    with torch.enable_grad(), pytest.raises(UsageError, match="learns on a GPU alone"):
        encoder("sparse")(voxels(), 2)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"convolution": "spare"}, "'spare'; choose from dense, sparse"),
        ({"strides": [[2, 2, 4]]}, "cells of 4 x 2 voxels"),
        ({"shape": (12, 8, 9)}, "8 x 9 voxels, .* a multiple of 2"),
    ],
)
def test_what_fits_no_grid_is_refused(changes, says):
    given = {"shape": (12, 8, 8), "convolution": "dense", "strides": [[2, 2, 2]]} | changes
    with pytest.raises(UsageError, match=says):
        VoxelEncoder(3, channels=[4, 6], layers=[1, 1], norm=NORM, **given)
