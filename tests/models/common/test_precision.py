import pytest
import torch
from torch import nn

from t4zoo.errors import UsageError
from t4zoo.models.common import checkpoint, precision
from t4zoo.models.common.precision import MixedPrecision
from tests.models.common.trainings import ALGORITHMS, make_data, run

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
BFLOAT16 = "launcher.precision=bfloat16"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("data"))


def wrapper(kind: str) -> tuple[nn.Module, MixedPrecision]:
    torch.manual_seed(0)
    model = nn.Linear(4, 1, device="cuda" if torch.cuda.is_available() else "cpu")
    return model, MixedPrecision(precision=kind, optimizer=torch.optim.SGD(model.parameters(), lr=0.1))


def test_a_model_computes_in_the_chosen_precision_and_keeps_its_weights_in_float32():
    for kind, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        model, optimizer = wrapper(kind)
        with optimizer.optim_context(model):
            out = model(torch.ones(2, 4, device=model.weight.device))
        assert out.dtype == dtype
        optimizer.update_params(out.float().sum())
        assert model.weight.dtype == torch.float32


def test_full_precision_is_what_torch_does_alone():
    model, optimizer = wrapper("float32")
    with optimizer.optim_context(model):
        loss = model(torch.ones(2, 4, device=model.weight.device)).sum()
    before = model.weight.detach().clone()
    optimizer.update_params(loss)
    assert torch.equal(model.weight, before - 0.1 * 2)


def test_a_precision_that_is_none_is_named():
    with pytest.raises(UsageError, match="'float8'; choose from float32, bfloat16, float16"):
        precision.check("float8")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_float16_is_refused_without_a_gpu():
    with pytest.raises(UsageError, match="needs a GPU"):
        precision.check("float16")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_training_in_bfloat16_learns_nearly_the_same_and_keeps_float32_weights(data, tmp_path, algorithm):
    choice = f"algorithm={algorithm}/tiny"
    full = checkpoint.load(run(data, tmp_path / "full", choice)).state_dict
    half = checkpoint.load(run(data, tmp_path / "half", choice, BFLOAT16)).state_dict
    assert all(value.dtype == full[name].dtype for name, value in half.items())
    apart = [float((half[name] - value).norm() / value.norm()) for name, value in full.items() if value.dim() > 1]
    assert 0 < max(apart) < 0.5


def test_a_training_in_bfloat16_goes_on_with_the_same_bytes(data, tmp_path):
    unbroken = run(data, tmp_path / "unbroken" / "train", BFLOAT16)
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path / "train", BFLOAT16, stop=3)
    assert run(data, tmp_path / "train", BFLOAT16).read_bytes() == unbroken.read_bytes()


@needs_gpu
def test_the_scale_of_the_losses_goes_on_where_it_was():
    model, optimizer = wrapper("float16")
    optimizer.update_params(model(torch.full((1, 4), float("inf"), device="cuda")).sum())  # overflows: halves the scale
    state = optimizer.state_dict()
    _, again = wrapper("float16")
    assert again.scaler.get_scale() != optimizer.scaler.get_scale()
    again.load_state_dict(state)
    assert again.scaler.get_scale() == optimizer.scaler.get_scale()


@needs_gpu
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_training_in_float16_learns_on_a_gpu(data, tmp_path, algorithm):
    path = run(data, tmp_path / "train", f"algorithm={algorithm}/tiny", "launcher=gpu", "algorithm.epochs=30")
    rows = (tmp_path / "train" / "loss.csv").read_text().splitlines()
    first, last = (float(row.split(",")[1]) for row in (rows[1], rows[-1]))
    assert last < 0.5 * first
    assert all(torch.isfinite(value.float()).all() for value in checkpoint.load(path).state_dict.values())
