"""A launcher says where scenes are spread, and nothing of what becomes of them."""

import os

import pytest
import yaml

from t4zoo.errors import UsageError
from t4zoo.launcher import NAMED, engine_named, engine_of
from t4zoo.models.common.processes import joined
from t4zoo.spread import Processes
from t4zoo.spread_ray import Ray
from tests.pipeline import CONF, compose

CORES = len(os.sched_getaffinity(0))


def shipped(name: str) -> dict:
    return yaml.safe_load((CONF / "launcher" / f"{name}.yaml").read_text())


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch):
    """Variables of a Slurm job."""
    for name in [name for name in os.environ if name.startswith("SLURM_")]:
        monkeypatch.delenv(name)

    def within(**variables: str) -> None:
        monkeypatch.setenv("SLURM_JOB_ID", "7")
        for name, value in variables.items():
            monkeypatch.setenv(f"SLURM_{name}", value)

    return within


def test_this_machine_gives_a_process_a_core_unless_a_number_is_given():
    assert engine_of(shipped("local"), None) == Processes(CORES)
    assert engine_of(shipped("local"), 3) == Processes(3)


@pytest.mark.parametrize(
    ("variables", "count"),
    [
        ({}, CORES),
        ({"CPUS_PER_TASK": "1"}, 1),
        ({"CPUS_ON_NODE": "1"}, 1),
        ({"CPUS_PER_TASK": "1", "CPUS_ON_NODE": "64"}, 1),
        ({"CPUS_ON_NODE": "1000"}, CORES),
    ],
)
def test_a_slurm_job_gives_what_it_has_of_this_machine(job, variables: dict[str, str], count: int):
    job(**variables)
    assert engine_of(shipped("slurm"), None) == Processes(count)
    assert engine_of(shipped("slurm"), 5) == Processes(5)


def test_slurm_outside_of_a_job_is_refused(job):
    with pytest.raises(UsageError, match="this is no Slurm job"):
        engine_of(shipped("slurm"), None)


@pytest.mark.parametrize("workers", [None, 4])
def test_several_tasks_that_would_all_do_everything_are_refused(job, workers: int | None):
    job(STEP_NUM_TASKS="4")
    with pytest.raises(UsageError, match="--ntasks 1, or take launcher=ray"):
        engine_of(shipped("slurm"), workers)


def test_a_ray_cluster_has_its_address_and_what_a_scene_takes():
    given = shipped("ray") | {"address": "ray://head:10001", "cpus": 0.5, "memory": 4}
    assert engine_of(given, None) == Ray("ray://head:10001", 0.5, 4, 2, None)
    assert engine_of(given, 16) == Ray("ray://head:10001", 0.5, 4, 2, 16)


@pytest.mark.parametrize(
    ("name", "value"),
    [("cpus", 0), ("cpus", "1"), ("ahead", -1), ("ahead", True), ("memory", 0), ("ahead", float("nan"))],
)
def test_numbers_that_are_none_are_refused(name: str, value: object):
    with pytest.raises(UsageError, match=f"launcher.{name} is "):
        engine_of(shipped("ray") | {name: value}, None)


@pytest.mark.parametrize("name", ["gpus", "cpus"])
def test_what_starts_processes_for_training_is_refused(name: str):
    with pytest.raises(UsageError, match="choose launcher=local, slurm or ray"):
        engine_of(shipped(name), None)


@pytest.mark.parametrize("stage", ["train", "predict"])
def test_ray_is_refused_where_gpus_compute_and_what_to_take_is_told(stage: str):
    with (
        pytest.raises(UsageError, match=f"for {stage} choose launcher=local, gpu, gpus or slurm"),
        joined("ray", stage),
    ):
        pass


def test_a_command_and_the_stage_mean_the_same_by_a_name():
    for name, settings in NAMED.items():
        assert settings.items() <= shipped(name).items()
    assert engine_named("ray", "head:6379", None) == engine_of(shipped("ray") | {"address": "head:6379"}, None)


def test_a_name_or_an_address_that_means_nothing_is_refused():
    with pytest.raises(UsageError, match="choose from local, slurm, ray"):
        engine_named("gpus", "auto", None)
    with pytest.raises(UsageError, match="add --launcher ray"):
        engine_named("local", "head:6379", None)


def test_a_variable_chooses_the_launcher_and_changes_nothing_else(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("T4ZOO_DATA_LAUNCHER", raising=False)
    before, files = compose("create_info")
    monkeypatch.setenv("T4ZOO_DATA_LAUNCHER", "ray")
    after, tracked = compose("create_info")
    assert (before.launcher.launcher, after.launcher.launcher) == ("none", "ray")
    assert {name: value for name, value in before.items() if name != "launcher"} == {
        name: value for name, value in after.items() if name != "launcher"
    }
    assert tracked == files
    assert not any("launcher" in file for file in files)
