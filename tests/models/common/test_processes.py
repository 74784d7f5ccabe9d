import pytest

from t4zoo.errors import UsageError
from t4zoo.models.common.processes import Processes, joined
from t4zoo.models.common.resume import check_alike

SLURM = {
    "SLURM_PROCID": "1",
    "SLURM_LOCALID": "1",
    "SLURM_NTASKS": "2",
    "SLURM_JOB_ID": "7",
    "SLURM_NODELIST": "a[1-2]",
}


def test_the_shares_of_all_are_everything_once():
    items = list(range(11))
    shares = [Processes(rank, 3).share(items) for rank in range(3)]
    assert sorted(item for share in shares for item in share) == items


def test_processes_that_read_the_same_are_alike():
    check_alike("out", [({"the info file": "a"}, 3), ({"the info file": "a"}, 3)])


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (({"the info file": "b", "torch": "2"}, 3), "process 1 has another info file than process 0"),
        (({"the info file": "b", "torch": "3"}, 3), "another info file, another torch"),
        (({"the info file": "a", "torch": "2"}, None), "another snapshot to go on from"),
    ],
)
def test_machines_that_see_other_files_are_refused(other, said):
    with pytest.raises(UsageError, match=said):
        check_alike("out", [({"the info file": "a", "torch": "2"}, 3), other])


@pytest.mark.parametrize(
    ("environment", "launcher", "said"),
    [
        ({}, "pytorch", "run `torchrun --standalone --nproc-per-node N -m stages.train`"),
        ({}, "slurm", "run `srun --ntasks N"),
        ({}, "mpi", "choose from none, pytorch, slurm"),
        ({"WORLD_SIZE": "2"}, "none", "choose launcher=gpus, or cpus"),
        ({"SLURM_PROCID": "0"}, "slurm", "SLURM_LOCALID is not set"),
        ({**SLURM, "PATH": "/nowhere"}, "slurm", "set MASTER_ADDR to the first one"),
        ({"T4ZOO_START": "no-such-command --nproc 2"}, "pytorch", "no-such-command, which cannot be run"),
        ({"T4ZOO_START": "torchrun 'unclosed"}, "pytorch", "T4ZOO_START"),
    ],
)
def test_a_launcher_that_did_not_start_this_is_refused(monkeypatch, environment, launcher, said):
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(name, "")  # so that what is set below is taken away afterwards
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=said), joined(launcher, "train"):
        pass
