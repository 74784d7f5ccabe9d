"""A fresh copy of the template becomes a team's own repository, and goes from there to its first release."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from t4zoo.zoo.storage.server import Server
from tests.copies import copy_of_this_repository, environment_at

VERSION = "CenterPoint/t4base@v1.0.0"


@pytest.fixture
def team_environment(tmp_path: Path, server: Server) -> dict[str, str]:
    """Credentials in the environment, and who the committer is; no endpoint, which `init` is told."""
    variables = {key: value for key, value in server.environment.items() if key != "AWS_ENDPOINT_URL"}
    person = {"NAME": "engineer", "EMAIL": "engineer@t4zoo.invalid"}
    identity = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in person.items()}
    return environment_at(tmp_path / "home") | variables | identity


def test_from_a_copy_to_the_first_release(
    server: Server, client: Any, team_environment: dict[str, str], tmp_path: Path
):
    repository = copy_of_this_repository(tmp_path / "team")
    bucket = "robotaxi"
    client.create_bucket(Bucket=bucket)

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=repository, env=team_environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    run("t4zoo", "init", "--url", f"s3://{bucket}/perception", "--endpoint", server.endpoint)
    config = (repository / ".dvc/config").read_text()
    assert f"s3://{bucket}/perception/dvc" in config
    assert f"s3://{bucket}/perception/autoware-ml" in config
    assert server.endpoint not in config
    assert run("git", "status", "--porcelain") == ""

    # One short training instead of the demo's: what is tried here is the way, not the model.
    network = repository / "conf/algorithm/CenterPoint/tiny.yaml"
    network.write_text(
        "".join(
            "epochs: 1\n" if line.startswith("epochs:") else line
            for line in network.read_text().splitlines(keepends=True)
        )
    )
    run("t4zoo", "sample")
    run("dvc", "repro", "evaluate@CenterPoint-t4base", "export@CenterPoint-t4base")
    run("git", "add", "--all")
    run("git", "commit", "--quiet", "--message", "Our first model")
    run("dvc", "push")
    run("t4zoo", "release", VERSION)
    assert [one["name"] for one in json.loads(run("t4zoo", "list", "--json"))] == [VERSION]
    assert run("git", "tag").split() == [VERSION]
    run("t4zoo", "verify", VERSION)


def test_a_second_init_has_nothing_to_do(server: Server, team_environment: dict[str, str], tmp_path: Path):
    repository = copy_of_this_repository(tmp_path / "team")
    command = ["t4zoo", "init", "--url", "s3://t4zoo/another", "--endpoint", server.endpoint]
    first = subprocess.run(command, cwd=repository, env=team_environment, capture_output=True, text=True)
    assert first.returncode == 0, first.stderr
    before = {
        path: path.read_bytes() for path in sorted(repository.rglob("*")) if path.is_file() and ".git/" not in str(path)
    }
    second = subprocess.run(command, cwd=repository, env=team_environment, capture_output=True, text=True)
    assert second.returncode == 0, second.stderr
    assert "nothing to do" in second.stdout
    assert {path: path.read_bytes() for path in before} == before
