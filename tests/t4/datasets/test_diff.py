"""What `t4zoo dataset diff` says of two revisions of a real repository, by tables, through DVC, and by info files."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from t4zoo.t4.convert import Sources, create_info
from t4zoo.t4.datasets.annotated import NOTHING, TABLES, TablesError, compare, of_tables
from tests.pipeline import ROOT
from tests.t4.datasets.repository import NAME, Repository
from tests.t4.scenes import edit, table

LABELS = yaml.safe_load((ROOT / "conf/labels/t4.yaml").read_text())
PRODUCT = yaml.safe_load((ROOT / "conf/product/base.yaml").read_text())
DISK = "disk, as it is now"


def scenes(repository: Repository, *sides: str) -> dict[str, dict[str, Any]]:
    """The scenes that differ, by id."""
    return {row["id"]: row for row in repository.asked("diff", *sides)["scenes"]}


def one(repository: Repository, *sides: str) -> dict[str, Any]:
    (row,) = scenes(repository, *sides).values()
    return row


def relist(repository: Repository, version: str = "db-street-v1.1", **splits: list[str]) -> None:
    repository.list(NAME, version, **(repository.scenes | splits))


def short(key: str) -> str:
    return key.split("/")[0]


def counts(row: dict[str, Any]) -> dict[str, Any]:
    frames = row["frames"]
    return {key: len(frames[key]) for key in ("added", "removed", "changed")}


def republish(repository: Repository, split: str = "train", number: int = 0) -> Path:
    """The scene as revision 1, which the list now names."""
    scene = repository.scene(split, number)
    shutil.copytree(scene, scene.parent / "1")
    keys = list(repository.scenes[split])
    keys[number] = f"{short(keys[number])}/1"
    relist(repository, **{split: keys})
    return scene.parent / "1"


def move_box(rows: list[dict[str, Any]]) -> None:
    rows[0]["translation"][0] += 0.5


def test_nothing_differs_from_itself(repository: Repository):
    told = repository.asked("diff")
    assert (told["a"], told["b"], told["scenes"], told["lists"]) == ("HEAD", "the working tree", [], {})
    assert (told["same"], told["unknown"]) == (6, 0)
    assert "the lists of HEAD and the working tree have the same scenes" in repository.run("diff").stdout


def test_added_removed_and_moved_scenes_with_their_frames(repository: Repository):
    first, second, third = repository.scenes["train"]
    (val,) = repository.scenes["val"]
    relist(repository, train=[second, third, val], val=[])
    repository.list("db_new_v1", "db-new-v1.0", train=[first])
    repository.commit("moved")
    told = repository.asked("diff", "HEAD~1", "HEAD")
    rows = {row["id"]: row for row in told["scenes"]}
    assert set(rows) == {short(val), short(first)}
    assert rows[short(val)]["what"] == ["moved"]
    assert (rows[short(val)]["a"]["split"], rows[short(val)]["b"]["split"]) == ("val", "train")
    assert rows[short(first)]["what"] == ["moved"]  # to another dataset: it is one scene
    assert (rows[short(first)]["a"]["dataset"], rows[short(first)]["b"]["dataset"]) == (NAME, "db_new_v1")
    assert told["lists"][NAME] == {"dataset_version": ["db-street-v1.0", "db-street-v1.1"]}
    assert told["lists"]["db_new_v1"]["list"] == [None, "there"]


def test_a_person_reads_a_block_a_dataset_and_sums_at_the_end(repository: Repository):
    first, *others = repository.scenes["train"]
    relist(repository, train=others)
    said = repository.run("diff").stdout.splitlines()
    assert said[0].startswith(f"{NAME}: dataset_version ")
    assert said[1:3] == ["", NAME]
    assert said[3].startswith(f"  removed: {first} (train): ")
    assert said[4] == "" and said[5].startswith("0 added, 1 removed")
    assert said[6].startswith("frames: 0 added, ") and len(said) == 7


def test_a_removed_scene_tells_how_much_went_and_an_added_one_how_much_came(repository: Repository):
    first, *others = repository.scenes["train"]
    relist(repository, train=others)
    gone = one(repository)
    assert (gone["what"], gone["frames"]["frames"]) == (["removed"], [3, 0])
    boxes = len(json.loads((repository.scene("train") / "annotation/sample_annotation.json").read_text()))
    assert gone["frames"]["boxes"] == [boxes, 0]
    repository.commit("less")
    relist(repository)
    came = one(repository)
    assert (came["what"], came["frames"]["frames"], came["known"]) == (["added"], [0, 3], DISK)
    assert f"added: {first} (train): 3 frames, {boxes} boxes" in repository.run("diff").stdout


def test_another_revision_tells_which_frames_were_annotated_again(repository: Repository):
    scene = republish(repository)
    edit(scene, "sample_annotation", move_box)
    row = one(repository)
    sample = table(scene, "sample_annotation")[0]["sample_token"]
    times = {row["token"]: row["timestamp"] for row in table(scene, "sample")}
    assert (row["what"], row["a"]["revision"], row["b"]["revision"]) == (["revision"], "0", "1")
    assert row["frames"]["changed"] == [times[sample]]
    assert "-> 1 (train): frames 1 re-annotated" in repository.run("diff").stdout


def test_another_revision_with_the_same_boxes_says_that_no_frame_differs(repository: Repository):
    republish(repository)
    assert counts(one(repository)) == {"added": 0, "removed": 0, "changed": 0}
    assert "no frame differs" in repository.run("diff").stdout


def test_new_tokens_alone_are_no_new_annotation(repository: Repository):
    scene = republish(repository)
    for path in (scene / "annotation").glob("*.json"):
        rows = json.loads(path.read_text())
        path.write_text(json.dumps(renamed(rows)))
    assert counts(one(repository)) == {"added": 0, "removed": 0, "changed": 0}


def renamed(value: Any) -> Any:
    """Every token of 32 hex digits backwards."""
    if isinstance(value, str):
        return value[::-1] if len(value) == 32 and set(value) <= set("0123456789abcdef") else value
    if isinstance(value, list):
        return [renamed(entry) for entry in value]
    return {key: renamed(entry) for key, entry in value.items()} if isinstance(value, dict) else value


def test_two_objects_that_are_swapped_in_a_frame_are_new_annotation(repository: Repository):
    scene = republish(repository)

    def swap(rows: list[dict[str, Any]]) -> None:
        first = rows[0]
        other = next(row for row in rows if row["sample_token"] == first["sample_token"] and row is not first)
        first["instance_token"], other["instance_token"] = other["instance_token"], first["instance_token"]

    edit(scene, "sample_annotation", swap)
    assert counts(one(repository))["changed"] == 1


def test_frames_that_came_and_went(repository: Repository):
    scene = republish(repository)
    lost = table(scene, "sample")[-1]["token"]
    left = [row for row in table(scene, "sample_annotation") if row["sample_token"] != lost]
    edit(scene, "sample_annotation", lambda rows: rows.__setitem__(slice(None), left))
    edit(scene, "sample", lambda rows: rows.pop())
    assert counts(one(repository)) == {"added": 0, "removed": 1, "changed": 0}
    repository.commit("shorter")
    relist(repository, "db-street-v1.2")
    assert counts(one(repository)) == {"added": 1, "removed": 0, "changed": 0}


def test_what_is_not_at_hand_is_said_and_not_guessed(repository: Repository):
    scene = republish(repository)
    shutil.rmtree(scene.parent / "0")
    row = one(repository)
    assert row["frames"] is None and row["known"] == "the tables are neither in DVC's cache nor on disk"
    done = repository.run("diff")
    assert "frames not known: the tables are neither" in done.stdout and "not known of 1 scene" in done.stdout
    shutil.rmtree(repository.data)
    assert repository.asked("diff")["unknown"] == 5
    assert "5 scenes under one revision could not be compared" in repository.run("diff").stdout


def test_broken_tables_are_told_and_stop_nothing(repository: Repository):
    scene = republish(repository)
    (scene / "annotation/sample_annotation.json").write_text("[{}]")
    row = one(repository)
    assert row["frames"] is None and "its tables are broken" in row["known"]


def track(repository: Repository, message: str, tag: str = "") -> None:
    """`dvc add` of the scenes, and a commit."""
    (repository.root / ".gitignore").write_text("/info/\n/.dvc/cache/\n/.dvc/tmp/\n")
    command = ["dvc", "add", "--quiet", "data/t4dataset"]
    subprocess.run(command, cwd=repository.root, check=True, capture_output=True)
    repository.commit(message, tag=tag)


def test_an_edit_under_one_revision_is_seen_where_dvc_tracks_the_scenes(repository: Repository):
    track(repository, "as they came", "before")
    (repository.root / "data/t4dataset").chmod(0o755)
    path = repository.scene("train") / "annotation/sample_annotation.json"
    rows = json.loads(path.read_text())
    path.unlink()  # DVC may have made it a link into its cache
    move_box(rows)
    path.write_text(json.dumps(rows))
    row = one(repository, "before")  # against the working tree
    assert (row["what"], counts(row)["changed"]) == (["re-annotated"], 1)
    track(repository, "edited", "after")
    shutil.rmtree(repository.data)  # all from DVC's cache
    told = repository.asked("diff", "before", "after")
    (row,) = told["scenes"]
    assert (row["what"], counts(row)["changed"], row["known"]) == (["re-annotated"], 1, "DVC's cache")
    assert (told["same"], told["unknown"]) == (5, 0)
    cache = repository.root / ".dvc/cache/files/md5"
    (place,) = [file for file in cache.rglob("*") if file.is_file() and file.read_bytes() == json.dumps(rows).encode()]
    place.unlink()
    row = one(repository, "before", "after")
    assert (
        row["what"] == ["re-annotated"]
        and row["frames"] is None
        and "`dvc fetch --all-tags` may bring them" in row["known"]
    )


def convert(repository: Repository, **changes: Any) -> None:
    product = PRODUCT | {"datasets": [{"name": NAME, "sample_steps": 1}]} | changes
    sources = Sources(repository.data, repository.root / "conf/dataset")
    create_info(product, LABELS, sources, repository.root / "info/base", 50.0)


def released(repository: Repository, message: str, tag: str) -> None:
    """Info files as create_info made them, in DVC's cache and the lock of a commit, as after `dvc repro`."""
    convert(repository)
    outs = [f"info/base/info_{split}.pkl" for split in ("train", "val", "test")]
    repository.write("dvc.yaml", {"stages": {"create_info": {"cmd": "true", "outs": outs}}})
    subprocess.run(["dvc", "commit", "--force", "--quiet"], cwd=repository.root, check=True, capture_output=True)
    (repository.root / ".gitignore").write_text("/data/\n/info/\n/.dvc/cache/\n/.dvc/tmp/\n")
    repository.commit(message, tag=tag)


def test_info_files_tell_what_was_annotated_again_where_no_table_is_left(repository: Repository):
    released(repository, "first release", "info@v0.1.0")
    edit(repository.scene("train"), "sample_annotation", move_box)
    released(repository, "second release", "info@v0.2.0")
    shutil.rmtree(repository.data)
    shutil.rmtree(repository.root / "info")
    row = one(repository, "info@v0.1.0", "info@v0.2.0")
    assert (row["id"], row["known"]) == (short(repository.scenes["train"][0]), "info files")
    assert row["what"] == ["re-annotated"]
    assert counts(row) == {"added": 0, "removed": 0, "changed": 1}


def test_info_files_of_other_settings_prove_nothing(repository: Repository):
    released(repository, "first release", "info@v0.1.0")
    repository.write("conf/labels/t4.yaml", {"name": "t4"})
    edit(repository.scene("train"), "sample_annotation", move_box)
    released(repository, "second release", "info@v0.2.0")
    shutil.rmtree(repository.data)
    told = repository.asked("diff", "info@v0.1.0", "info@v0.2.0")
    assert (told["scenes"], told["unknown"]) == ([], 6)


@pytest.mark.parametrize("name", ["v9.9.9", "--help-me", "HEAD:conf", ""])
def test_a_revision_that_git_does_not_know_is_refused(repository: Repository, name: str):
    done = repository.run("diff", "--", name)
    assert done.returncode in (1, 2) and "Traceback" not in done.stderr
    assert "no tag, branch or commit of this repository" in done.stderr


def test_without_git_there_is_nothing_to_compare_with(repository: Repository):
    shutil.rmtree(repository.root / ".git")
    done = repository.run("diff")
    assert done.returncode == 2 and "only git knows what was" in done.stderr


def tables(**changes: Any) -> dict[str, bytes]:
    return {name: json.dumps(changes.get(name, [])).encode() for name in TABLES}


@pytest.mark.parametrize(
    "changes",
    [{"sample": {}}, {"sample": [1]}, {"sample": [{"token": "a", "timestamp": "noon"}]},
     {"sample_annotation": [{"sample_token": "a"}]}, {"category": [{"token": "a"}]}, {"instance": None}],
)  # fmt: skip
def test_tables_that_are_none_are_refused_in_words(changes):
    with pytest.raises(TablesError, match="scene x: its tables are broken"):
        of_tables(tables(**changes), "scene x")


def test_the_order_of_rows_is_no_annotation(repository: Repository):
    scene = repository.scene("train")
    content = {name: (scene / f"annotation/{name}.json").read_bytes() for name in TABLES}
    turned = {name: json.dumps(json.loads(rows)[::-1]).encode() for name, rows in content.items()}
    before, after = of_tables(content, "x"), of_tables(turned, "x")
    assert not compare(before, after)
    assert len(compare(NOTHING, after).added) == 3
