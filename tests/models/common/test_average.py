import pytest
import torch

from t4zoo.errors import UsageError
from t4zoo.models.common import checkpoint
from t4zoo.models.common.average import AveragedWeights
from tests.models.common.trainings import EPOCHS, ITERATIONS, make_data, run

EMA = "algorithm.ema={momentum: 0.2}"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("data"))


class Runner:
    """As much of mmengine's as the hook sees."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.model = model


def weights_of_a_training(momentum: float | None, values: list[float]) -> tuple[float, int]:
    model = torch.nn.BatchNorm1d(1)
    runner, hook = Runner(model), AveragedWeights(None if momentum is None else {"momentum": momentum})
    hook.before_train(runner)
    for value in values:
        with torch.no_grad():
            model.weight.fill_(value)
            model.num_batches_tracked += 1
        hook.after_train_iter(runner, 0)
    hook.after_train(runner)
    return model.weight.item(), int(model.num_batches_tracked)


def test_the_average_follows_the_formula():
    expected = 1.0  # what a batch norm begins with
    values = [2.0, 5.0, -3.0, 4.0]
    for update, value in enumerate(values, start=1):
        expected += max(0.75, 9 / (10 + update)) * (value - expected)
    weight, batches = weights_of_a_training(0.75, values)
    assert weight == pytest.approx(expected, abs=1e-6)
    assert batches == 4, "a count is no thing to average"


def test_without_a_choice_the_last_weights_are_kept():
    assert weights_of_a_training(None, [2.0, 5.0])[0] == 5.0


@pytest.mark.parametrize("momentum", [0.0, 1.0, -0.1])
def test_a_momentum_that_is_no_share_is_refused(momentum):
    with pytest.raises(UsageError, match=r"ema\.momentum"):
        AveragedWeights({"momentum": momentum})


def test_the_checkpoint_has_the_averaged_weights(data, tmp_path):
    plain = checkpoint.load(run(data, tmp_path / "plain")).state_dict
    mean = checkpoint.load(run(data, tmp_path / "mean", EMA)).state_dict
    still = checkpoint.load(run(data, tmp_path / "still", "algorithm.optimizer.lr=1.0e-12")).state_dict
    name = "backbone.stages.0.0.0.weight"
    moved, averaged = ((weights[name] - still[name]).norm() for weights in (plain, mean))
    assert 0 < averaged < moved, "between the first weights and the last"
    assert mean["backbone.stages.0.0.1.num_batches_tracked"] == EPOCHS * ITERATIONS


def test_the_average_starts_from_the_parents_weights(data, tmp_path):
    parent = run(data, tmp_path / "parent")
    still = ["algorithm.optimizer.lr=1.0e-12", "seed=5"]
    child = checkpoint.load(run(data, tmp_path / "child", f"parent={parent}", EMA, *still)).state_dict
    name = "backbone.stages.0.0.0.weight"
    torch.testing.assert_close(child[name], checkpoint.load(parent).state_dict[name])


def test_an_averaged_training_goes_on_with_the_same_bytes(data, tmp_path):
    unbroken = run(data, tmp_path / "unbroken" / "train", EMA)
    for stop in (3, 5):
        with pytest.raises(KeyboardInterrupt):
            run(data, tmp_path / "train", EMA, stop=stop)
    assert run(data, tmp_path / "train", EMA).read_bytes() == unbroken.read_bytes()
