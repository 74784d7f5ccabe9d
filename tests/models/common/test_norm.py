"""What several processes compute of a batch is what one computes of it."""

import os
import subprocess
import sys

import pytest
import torch

from t4zoo.models.common.norm import Norm
from t4zoo.models.common.processes import Processes
from tests.models.common.one_step import BATCHES, steps
from tests.models.common.trainings import ALGORITHMS, make_data
from tests.pipeline import ROOT


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The steps of one process, and those of two."""
    root = make_data(tmp_path_factory.mktemp("data"))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*torchrun, "-m", "tests.models.common.one_step", str(root), str(root / "two.pth")],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return steps(root, Processes()), torch.load(root / "two.pth")


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_two_processes_have_the_gradient_the_statistics_and_the_losses_of_one(found, algorithm, batch):
    one, two = (steps[algorithm, batch] for steps in found)
    size = torch.cat([value.flatten() for value in one["gradients"].values()]).norm()
    assert size > 0
    for name, value in one["gradients"].items():
        assert (two["gradients"][name] - value).norm() < 1e-8 * size, name
    for kind in ("buffers", "losses"):
        torch.testing.assert_close(two[kind], one[kind], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 5, 2)])
def test_one_process_norms_as_torch_does(shape):
    theirs = (torch.nn.BatchNorm1d if len(shape) == 2 else torch.nn.BatchNorm2d)(3, eps=1e-3, momentum=0.1)
    ours = Norm(3, eps=1e-3, momentum=0.1)
    values = torch.randn(shape)
    assert torch.equal(ours(values), theirs(values))
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), rtol=0, atol=0)
    assert torch.equal(ours.eval()(values), theirs.eval()(values))
