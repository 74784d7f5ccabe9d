"""The links of pseudo scenes to the data of the scenes that were labelled, and what DVC does with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from t4zoo.autolabel.link import link_again, path_between
from t4zoo.errors import UsageError
from t4zoo.t4.frames import frames_of
from t4zoo.t4.reader import ReadError
from tests.autolabel.test_pseudo import ONE, autolabel, ensemble, scenes_below
from tests.autolabel.workspace import DATASET, SET, TRUTH, digests
from tests.forked import command as forked
from tests.pipeline import ROOT

PSEUDO = f"pseudo_t4dataset/{SET}"

# What DVC runs here in the place of the stage: labels above the threshold in a file.
STAGE = """
from pathlib import Path
from tests.autolabel.test_pseudo import ONE, autolabel, ensemble
autolabel(Path.cwd(), ensemble(ONE, threshold=float(Path("threshold.txt").read_text())))
"""
PIPELINE = f"""
stages:
  autolabel:
    cmd: {sys.executable} label.py
    deps: [threshold.txt, data/t4dataset/{DATASET}]
    outs: [{PSEUDO}]
  create_info:
    cmd: cat {PSEUDO}/*/*/annotation/sample_annotation.json > info.txt
    deps: [{PSEUDO}]
    outs: [info.txt]
"""


def links_below(target: Path) -> list[Path]:
    return sorted(path for path in target.glob("*/*/*") if path.is_symlink())


def state(folder: Path) -> dict[str, tuple[str, int]]:
    """Every file with its bytes, mode and number of hard links: what DVC would change of what it takes for its own."""
    return {name: (digest, (folder / name).stat().st_nlink) for name, digest in digests(folder).items()}


def test_the_data_of_a_pseudo_scene_is_a_relative_link_to_the_scene_that_was_labelled(workspace: Path) -> None:
    _, target = autolabel(workspace, ensemble(ONE))
    links = links_below(target)
    assert [link.name for link in links] == ["data", "data"]
    for link in links:
        assert not link.readlink().is_absolute()
        revision, scene = link.parent.name, link.parent.parent.name
        source = workspace / "data" / "t4dataset" / DATASET / scene
        assert link.resolve() == (source / "data" if revision == "0" else source / revision / "data")


def test_no_cloud_is_copied(workspace: Path) -> None:
    _, target = autolabel(workspace, ensemble(ONE))
    kept = [path for folder, _, names in os.walk(target) for path in (Path(folder) / name for name in names)]
    assert kept
    assert {path.suffix for path in kept} == {".json", ".yaml"}


def test_a_scenes_map_is_linked_and_its_status_copied(workspace: Path) -> None:
    source = next((workspace / "data" / "t4dataset" / DATASET).glob("*/3"))
    (source / "map").mkdir()
    (source / "map" / "lanelet2_map.osm").write_text("<osm/>")
    (source / "status.json").write_text("{}")
    _, target = autolabel(workspace, ensemble(ONE))
    (pseudo,) = target.glob("*/3")
    assert (pseudo / "map").is_symlink()
    assert (pseudo / "map" / "lanelet2_map.osm").read_text() == "<osm/>"
    assert not (pseudo / "status.json").is_symlink()
    assert (pseudo / "status.json").read_text() == "{}"


def test_a_workspace_that_is_moved_keeps_its_links(workspace: Path) -> None:
    autolabel(workspace, ensemble(ONE))
    moved = workspace.rename(workspace.with_name("moved"))
    for scene in scenes_below(moved / PSEUDO):
        assert frames_of(scene, DATASET, TRUTH)


def test_data_behind_a_link_of_the_workspace_is_found_through_that_link(workspace: Path, tmp_path: Path) -> None:
    shutil.move(workspace / "data", tmp_path / "mounted")
    (workspace / "data").symlink_to(tmp_path / "mounted")
    _, target = autolabel(workspace, ensemble(ONE))
    shutil.move(tmp_path / "mounted", tmp_path / "elsewhere")
    (workspace / "data").unlink()
    (workspace / "data").symlink_to(tmp_path / "elsewhere")
    for scene in scenes_below(target):
        assert frames_of(scene, DATASET, TRUTH)


def test_pseudo_scenes_behind_a_link_of_the_workspace_reach_their_data(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "large disk").mkdir()
    (workspace / "pseudo_t4dataset").symlink_to(tmp_path / "large disk")
    _, target = autolabel(workspace, ensemble(ONE))
    for scene in scenes_below(target):
        assert frames_of(scene, DATASET, TRUTH)


def test_the_path_between_two_folders_is_that_of_a_shell(tmp_path: Path) -> None:
    for folder in ("a/b/c", "a/d"):
        (tmp_path / folder).mkdir(parents=True)
    assert path_between(tmp_path / "a/b/c", tmp_path / "a/d") == "../../d"


def test_lost_links_are_made_again_and_nothing_else_is_touched(workspace: Path) -> None:
    _, target = autolabel(workspace, ensemble(ONE))
    before, paths = digests(target), {link: link.readlink() for link in links_below(target)}
    lost, stray = links_below(target)
    lost.unlink()
    stray.unlink()
    stray.symlink_to("nowhere")
    assert link_again(target, workspace / "data" / "t4dataset") == 2
    assert {link: link.readlink() for link in links_below(target)} == paths
    assert digests(target) == before


def test_the_command_links_from_the_workspaces_own_data_folder(workspace: Path) -> None:
    _, target = autolabel(workspace, ensemble(ONE))
    for link in links_below(target):
        link.unlink()
    done = forked.run("t4zoo", "link", PSEUDO, cwd=workspace)
    assert done.stdout == f"linked 2 scenes in {PSEUDO} to their data below data/t4dataset\n"
    assert [link.is_dir() for link in links_below(target)] == [True, True]


def test_links_to_scenes_that_are_not_here_are_refused_by_name(workspace: Path) -> None:
    _, target = autolabel(workspace, ensemble(ONE))
    shutil.rmtree(workspace / "data")
    with pytest.raises(ReadError, match="not found"):
        link_again(target, workspace / "data" / "t4dataset")


def test_a_folder_without_pseudo_scenes_is_refused(workspace: Path) -> None:
    with pytest.raises(UsageError, match="no pseudo scenes here"):
        link_again(workspace / "data", workspace / "data" / "t4dataset")


@pytest.fixture
def repository(workspace: Path, request: pytest.FixtureRequest) -> Path:
    """The workspace under git and DVC with one kind of cache, labelled, committed and pushed."""
    (workspace / "label.py").write_text(STAGE)
    (workspace / "dvc.yaml").write_text(PIPELINE)
    (workspace / "threshold.txt").write_text("0.5")
    (workspace / ".gitignore").write_text("/data\n/auto_label\n")
    git(workspace, "init", "--quiet")
    dvc(workspace, "init", "--quiet")
    for key, value in {"core.analytics": "false", "cache.type": request.param, "core.autostage": "true"}.items():
        dvc(workspace, "config", key, value)
    dvc(workspace, "remote", "add", "--quiet", "--default", "store", str(workspace.with_name("store")))
    return workspace


def git(folder: Path, *arguments: str) -> str:
    person = ("-c", "user.name=engineer", "-c", "user.email=engineer@t4zoo.invalid")
    return subprocess.run(["git", *person, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def dvc(folder: Path, *arguments: str) -> str:
    done = forked.run("dvc", *arguments, cwd=folder, environment={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    return done.stdout


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "labels")


@pytest.mark.parametrize("repository", ["hardlink", "symlink"], indirect=True)  # the others copy, at most
def test_whatever_dvc_does_with_pseudo_scenes_the_input_stays_as_it_was(repository: Path) -> None:
    before = state(repository / "data")

    def then(*arguments: str) -> None:
        dvc(repository, *arguments)
        assert state(repository / "data") == before, arguments

    then("repro", "--quiet")
    assert "up to date" in dvc(repository, "status")
    assert len(links_below(repository / PSEUDO)) == 2
    stored = [path for path in (repository / ".dvc/cache/files").rglob("*") if path.is_file()]
    clouds = list((repository / "data").rglob("*.pcd.bin"))
    assert max(path.stat().st_size for path in stored) < min(path.stat().st_size for path in clouds)
    then("push", "--quiet")
    (repository / "threshold.txt").write_text("0.9")
    then("repro", "--quiet")
    (repository / "threshold.txt").write_text("0.5")
    then("repro", "--quiet")  # from the run cache
    assert "up to date" in dvc(repository, "status")
    link_again(repository / PSEUDO, repository / "data" / "t4dataset")
    then("checkout", "--quiet", "--relink", "--force")
    then("gc", "--workspace", "--force", "--quiet")
    then("unprotect", PSEUDO)
    then("remove", "autolabel", "--outs")
    assert not (repository / PSEUDO).exists()


@pytest.mark.parametrize("repository", ["copy"], indirect=True)
def test_a_fresh_clone_pulls_tables_and_links_them_with_one_command(repository: Path, tmp_path: Path) -> None:
    dvc(repository, "repro", "--quiet")
    dvc(repository, "push", "--quiet")
    commit(repository)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(repository), str(clone))
    shutil.copytree(repository / "data", clone / "data")
    dvc(clone, "pull", "--quiet")
    assert links_below(clone / PSEUDO) == []
    assert set(digests(clone / PSEUDO)) == {name for name in digests(repository / PSEUDO) if "/data/" not in name}
    link_again(clone / PSEUDO, clone / "data" / "t4dataset")
    assert len(links_below(clone / PSEUDO)) == 2
    assert "up to date" in dvc(clone, "status")
    for scene in scenes_below(clone / PSEUDO):
        assert frames_of(scene, DATASET, TRUTH)
