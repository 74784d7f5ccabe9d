import os
import subprocess
import sys

from t4zoo.models.common import checkpoint
from tests.models.common.trainings import make_data
from tests.pipeline import ROOT


def test_two_processes_that_were_stopped_go_on_to_the_same_bytes(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    make_data(data)
    command = [sys.executable, "-m", "tests.models.common.processes"]
    processes = [
        subprocess.Popen(
            [*command, str(rank), "2", str(data), str(tmp_path)],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    said = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(said)
    assert "goes on after epoch 1" in (tmp_path / "train" / "train_log.log").read_text()
    for path in (tmp_path / "unbroken" / "train").iterdir():
        if path.name != "train_log.log":
            assert path.read_bytes() == (tmp_path / "train" / path.name).read_bytes(), path.name
    assert not (tmp_path / ".train.unfinished").exists()
    assert checkpoint.find(tmp_path / "train").name == "epoch_3.pth"
