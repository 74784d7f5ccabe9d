import pickle
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock

from t4zoo.errors import UsageError
from t4zoo.models.common import resume
from t4zoo.models.common.curves import TrainingError
from t4zoo.models.common.snapshot import random_state, set_random_state
from tests.models.common.trainings import ALGORITHMS, EPOCHS, ITERATIONS, StopAt, make_data, run

ALL = list(range(1, EPOCHS * ITERATIONS + 1))
UNFINISHED = ".train.unfinished"


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def unbroken(data, tmp_path_factory) -> Path:
    """The folder of a training that nothing stopped."""
    return run(data, tmp_path_factory.mktemp("unbroken") / "train").parent


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "train_log.log"}


@pytest.mark.parametrize("stops", [(1,), (ITERATIONS,), (ITERATIONS + 1,), (5, 6), (2, 4, 6)])
def test_a_training_that_was_stopped_ends_with_the_bytes_of_one_that_was_not(data, unbroken, tmp_path, stops):
    for stop in stops:
        with pytest.raises(KeyboardInterrupt):
            run(data, tmp_path / "train", stop=stop)
    run(data, tmp_path / "train")
    assert StopAt.seen == ALL[(stops[-1] - 1) // ITERATIONS * ITERATIONS :]  # an epoch is over after its hooks
    assert contents(tmp_path / "train") == contents(unbroken)
    assert [path.name for path in tmp_path.iterdir()] == ["train"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_with_every_choice_made_it_ends_with_the_same_bytes_too(data, tmp_path, algorithm):
    choices = (
        f"algorithm={algorithm}/tiny",
        "algorithm.balance={threshold: 0.9}",
        "algorithm.paste={per_frame: {bicycle: 2, car: 2}, epochs: 2, most: 9, min_points: 1}",
        "algorithm.ema={momentum: 0.1}",
        "launcher.precision=bfloat16",
        "launcher.workers=1",
    )
    unbroken = run(data, tmp_path / "unbroken" / "train", *choices)
    for stop in (3, 5):
        with pytest.raises(KeyboardInterrupt):
            run(data, tmp_path / "train", *choices, stop=stop)
        assert (tmp_path / UNFINISHED / "objects" / "objects.npz").exists()
    run(data, tmp_path / "train", *choices)
    assert contents(tmp_path / "train") == contents(unbroken.parent)


def test_only_what_follows_the_last_whole_epoch_is_trained_again(data, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path / "train", stop=2 * ITERATIONS + 1)
    assert StopAt.seen == ALL[: 2 * ITERATIONS + 1]
    assert [path.name for path in tmp_path.iterdir()] == [UNFINISHED]
    run(data, tmp_path / "train")
    assert StopAt.seen == ALL[2 * ITERATIONS :]
    log = (tmp_path / "train" / "train_log.log").read_text()
    assert "goes on after epoch 2" in log
    assert log.count("Epoch(train)") == EPOCHS  # the log of the stopped run is kept


def test_random_numbers_go_on_too(data, tmp_path):
    run(data, tmp_path / "unbroken" / "train")
    expected = StopAt.drawn
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path / "train", stop=ITERATIONS + 1)
    run(data, tmp_path / "train")
    assert StopAt.drawn == {number: expected[number] for number in ALL[ITERATIONS:]}


def test_a_training_killed_while_its_results_were_moved_still_ends(data, unbroken, tmp_path):
    shutil.copytree(unbroken, tmp_path / "train")
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path / "train", stop=ALL[-1])
    for name in ("before", "results"):
        shutil.copytree(unbroken, tmp_path / UNFINISHED / name)
    run(data, tmp_path / "train")
    assert contents(tmp_path / "train") == contents(unbroken)
    assert [path.name for path in tmp_path.iterdir()] == ["train"]


def test_a_training_stopped_before_its_first_epoch_is_over_leaves_nothing(data, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path / "train", stop=1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("change", ["algorithm.optimizer.lr=0.001", "seed=7"])
def test_a_training_of_other_settings_starts_anew_and_says_so(data, tmp_path, change):
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path / "train", stop=ITERATIONS + 1)
    run(data, tmp_path / "train", change)
    assert StopAt.seen == ALL
    assert "the configuration changed; the training starts anew" in (tmp_path / "train" / "train_log.log").read_text()


def test_a_training_of_other_data_starts_anew_and_says_so(data, tmp_path):
    own = shutil.copytree(data, tmp_path / "data")
    with pytest.raises(KeyboardInterrupt):
        run(own, tmp_path / "train", stop=ITERATIONS + 1)
    with (own / "info_train.pkl").open("ab") as file:
        file.write(b"what follows the end of a pickle")
    run(own, tmp_path / "train")
    assert StopAt.seen == ALL
    assert "the info file changed; the training starts anew" in (tmp_path / "train" / "train_log.log").read_text()


def test_a_training_from_another_parent_starts_anew_and_says_so(data, unbroken, tmp_path):
    parent = shutil.copytree(unbroken, tmp_path / "parent")
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path / "train", f"parent={parent}", stop=ITERATIONS + 1)
    (parent / f"epoch_{EPOCHS}.pth").rename(parent / "epoch_9.pth")
    run(data, tmp_path / "train", f"parent={parent}")
    assert ALL[ITERATIONS:] == StopAt.seen, "the same weights under another name"
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path / "train", f"parent={parent}", stop=ITERATIONS + 1)
    shutil.copytree(tmp_path / "train", parent, dirs_exist_ok=True)
    (parent / "epoch_9.pth").unlink()
    run(data, tmp_path / "train", f"parent={parent}")
    assert StopAt.seen == ALL
    assert "the parent changed; the training starts anew" in (tmp_path / "train" / "train_log.log").read_text()


def test_a_changed_library_starts_anew(data, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path / "train", stop=ITERATIONS + 1)
    path = tmp_path / UNFINISHED / "snapshot.pth"
    snapshot = torch.load(path, weights_only=True)
    assert "t4zoo.models.CenterPoint.head" in snapshot["code"]
    snapshot["code"]["t4zoo.models.CenterPoint.head"] = "another digest"
    torch.save(snapshot, path)
    run(data, tmp_path / "train")
    assert StopAt.seen == ALL
    assert "t4zoo.models.CenterPoint.head changed" in (tmp_path / "train" / "train_log.log").read_text()


def test_a_broken_snapshot_starts_anew(data, unbroken, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path / "train", stop=ITERATIONS + 1)
    path = tmp_path / UNFINISHED / "snapshot.pth"
    path.write_bytes(path.read_bytes()[:5000])
    run(data, tmp_path / "train")
    assert StopAt.seen == ALL
    assert contents(tmp_path / "train") == contents(unbroken)


def test_a_snapshot_cannot_run_anything(data, tmp_path):
    class Bomb:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    folder = tmp_path / UNFINISHED
    folder.mkdir()
    (folder / "snapshot.pth").write_bytes(pickle.dumps(Bomb()))
    run(data, tmp_path / "train", "algorithm.epochs=1")
    assert not (tmp_path / "ran").exists()


def test_never_begins_anew_and_keeps_nothing(data, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path / "train", stop=ITERATIONS + 1)
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path / "train", stop=2 * ITERATIONS, resume="never")
    assert StopAt.seen == ALL[: 2 * ITERATIONS]
    assert not list(tmp_path.iterdir())


def test_a_training_that_diverged_is_not_gone_on_with(data, tmp_path):
    with pytest.raises(TrainingError):
        run(data, tmp_path / "train", "algorithm.optimizer.lr=1.0e+30")
    assert not list(tmp_path.iterdir())


def test_two_trainings_of_one_out_do_not_meet(data, tmp_path, monkeypatch):
    monkeypatch.setattr(resume, "PATIENCE", 0.1)
    (tmp_path / UNFINISHED).mkdir()
    with FileLock(tmp_path / UNFINISHED / "lock"), pytest.raises(UsageError, match="another training"):
        run(data, tmp_path / "train")
    assert not (tmp_path / "train").exists()


def test_a_choice_that_is_none_is_named(data, tmp_path):
    with pytest.raises(UsageError, match="'sometimes'; choose from auto, never"):
        run(data, tmp_path / "train", resume="sometimes")


def test_all_three_generators_of_random_numbers_go_on_where_they_were():
    def draw():
        return random.random(), np.random.rand(), np.random.randn(), torch.rand(1).item()

    draw()
    state = random_state()
    first = draw()
    assert draw() != first
    set_random_state(state)
    assert draw() == first
