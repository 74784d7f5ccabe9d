"""`t4zoo init` makes a copy of this very template a team's own, and does so once."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from t4zoo.zoo.storage.server import Server
from tests.zoo.repository import Repository, forget_the_user

ROOT = Path(__file__).resolve().parents[2]
FILES = (".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitignore", "dvc.yaml", "params.yaml")


@pytest.fixture
def template(alone: Path, tmp_path: Path) -> Repository:
    """A copy of the files that `init` looks at, without git: as it comes out of an archive."""
    for name in FILES:
        (tmp_path / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / "copy" / name)
    return Repository(tmp_path / "copy", "")


def init(template: Repository, server: Server, prefix: str, *options: str, check: bool = True):
    url = f"s3://{server.bucket}/{prefix}"
    return template.t4zoo("init", "--url", url, "--endpoint", server.endpoint, *options, check=check)


def test_remotes_are_the_teams_and_dvc_reads_them(template: Repository, s3: Server, prefix: str) -> None:
    init(template, s3, prefix)
    settings = template.dvc("config", "--list").out.split()
    assert f"remote.store.url=s3://{s3.bucket}/{prefix}/dvc" in settings
    assert f"remote.zoo.url=s3://{s3.bucket}/{prefix}/autoware-ml" in settings
    assert f"remote.store.endpointurl={s3.endpoint}" in settings
    assert {"core.remote=store", "core.analytics=false", "remote.store.verify=true"} <= set(settings)
    config = (template.root / ".dvc/config").read_text()
    assert s3.endpoint not in config and "demo" not in config
    assert template.t4zoo("list", "--json").out.strip() == "[]"


def test_params_keep_the_samples_and_their_comments_and_gain_a_place_for_the_teams_own(
    template: Repository, s3: Server, prefix: str
) -> None:
    before = (template.root / "params.yaml").read_text()
    init(template, s3, prefix)
    after = (template.root / "params.yaml").read_text()
    assert yaml.safe_load(after) == yaml.safe_load(before)
    gained = [line for line in after.splitlines() if line not in before.splitlines()]
    assert len(gained) == 4 and all(line.startswith("  # your ") for line in gained)
    assert [line for line in after.splitlines() if line not in gained] == before.splitlines()
    lines = after.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("models:"))
    place = next(i for i, line in enumerate(lines) if line.startswith("  # your models"))
    assert start < place < next(i for i, line in enumerate(lines) if line.startswith("predictions:"))


def test_the_first_commit_is_made_and_a_second_run_changes_nothing(
    template: Repository, s3: Server, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")  # given once, it is remembered
    init(template, s3, prefix)
    assert template.git("status", "--porcelain") == ""
    commit = template.git("rev-parse", "HEAD")
    assert "nothing to do" in init(template, s3, prefix).out
    assert "nothing to do" in template.t4zoo("init", "--url", f"s3://{s3.bucket}/{prefix}").out
    assert template.git("status", "--porcelain") == "" and template.git("rev-parse", "HEAD") == commit
    told = init(template, s3, f"{prefix}/other").out
    assert "writes .dvc/config\n" in told and "git diff" in told
    assert template.git("rev-parse", "HEAD") == commit


def test_credentials_are_saved_only_when_asked_and_only_for_the_owner(
    template: Repository, s3: Server, prefix: str
) -> None:
    secret = s3.environment["AWS_SECRET_ACCESS_KEY"]
    init(template, s3, prefix)
    local = template.root / ".dvc/config.local"
    assert secret not in local.read_text()
    init(template, s3, prefix, "--save-credentials")
    assert secret in local.read_text() and stat.S_IMODE(local.stat().st_mode) == 0o600
    assert template.git("status", "--porcelain") == ""
    tracked = template.git("grep", "-l", "-F", "-e", "remote", "HEAD").splitlines()
    assert not any("config.local" in name for name in tracked)
    patch_free = {"PATH": str(Path(sys.executable).parent) + ":/usr/bin:/bin", "HOME": str(template.root.parent)}
    command = [sys.executable, "-m", "t4zoo", "list", "--json"]
    done = subprocess.run(command, cwd=template.root, env=patch_free, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def test_a_dry_run_writes_nothing(template: Repository, s3: Server, prefix: str, client) -> None:
    told = init(template, s3, prefix, "--dry-run").out
    assert "would write .dvc/config\n" in told and "would make a git repository" in told
    for name in FILES:
        assert (template.root / name).read_bytes() == (ROOT / name).read_bytes()
    assert not (template.root / ".git").exists() and not (template.root / ".dvc/config.local").exists()
    assert "Contents" not in client.list_objects_v2(Bucket=s3.bucket, Prefix=prefix)


def test_what_cannot_work_is_said_before_anything_is_written(template: Repository, s3: Server, prefix: str) -> None:
    cases = {
        ("--url", "s3://no-such-bucket/x", "--endpoint", s3.endpoint): "there is no bucket 'no-such-bucket'",
        ("--url", f"s3://{s3.bucket}/x", "--endpoint", "http://127.0.0.1:9"): "cannot reach http://127.0.0.1:9",
        ("--url", "https://host/x"): "must be an s3:// address",
    }
    for arguments, words in cases.items():
        told = template.t4zoo("init", *arguments, check=False)
        assert told.code in (1, 2) and words in told.err and "Traceback" not in told.err, told
    assert (template.root / ".dvc/config").read_bytes() == (ROOT / ".dvc/config").read_bytes()
    elsewhere = Repository(template.root.parent, "")
    assert "copy of the template" in init(elsewhere, s3, prefix, check=False).err


def test_without_a_git_identity_nothing_is_written_and_the_cure_is_told(
    template: Repository, s3: Server, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_the_user(monkeypatch)
    before = (template.root / ".dvc/config").read_bytes()
    refused = init(template, s3, prefix, check=False)
    assert refused.code == 1 and "git config --global user.name" in refused.err
    assert (template.root / ".dvc/config").read_bytes() == before
    assert not (template.root / ".git").exists()


def test_a_repository_without_a_commit_gets_its_first_one(template: Repository, s3: Server, prefix: str) -> None:
    template.git("init", "--quiet")
    init(template, s3, prefix)
    assert template.git("log", "--format=%s").strip() == "Start from the t4zoo template"
    assert "nothing to do" in init(template, s3, prefix).out


@pytest.mark.parametrize("name", ["params.yaml", ".dvc/config.local"])
def test_a_file_that_is_no_text_or_a_folder_is_named_in_one_line(
    template: Repository, s3: Server, prefix: str, name: str
) -> None:
    path = template.root / name
    if path.exists():
        path.write_bytes(b"\xff\xfe")
    else:
        path.mkdir()
    refused = init(template, s3, prefix, check=False)
    assert refused.code == 1 and name in refused.err and len(refused.err.splitlines()) == 1
