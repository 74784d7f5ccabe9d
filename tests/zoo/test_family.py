"""The gate knows a version's family: whose child it is, what its ancestors saw, and what the vehicle reads of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from t4zoo.zoo.address import zoo_of
from t4zoo.zoo.manifest import parse_manifest
from t4zoo.zoo.reading.index import update
from t4zoo.zoo.releasing.release import Releasing
from t4zoo.zoo.storage.s3 import S3Folder
from tests.zoo.families import PRODUCTS, name, plan, refusals, release, train, write
from tests.zoo.repository import FILES, Repository


def commit(repository: Repository) -> None:
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--message", "Spoil")


def manifest_of(repository: Repository, of: str) -> Any:
    return parse_manifest(repository.t4zoo("show", of, "--json").out.encode(), of)


def test_the_plan_shows_the_whole_family_and_what_was_checked(family: Repository) -> None:
    said = family.t4zoo("release", name("t4x2", "v1.0.1"), "--dry-run").out
    for words in (
        "parent            CenterPoint/t4base@v1.0.0",
        "ancestors         CenterPoint/t4base@v1.0.0, CenterPoint/t4pretrain@v1.0.0, CenterPoint/nuscenes@v1.0.0",
        "none of 2 test scenes was trained on by CenterPoint/t4x2@v1.0.1, CenterPoint/t4base@v1.0.0",
        "all 21 as in CenterPoint/t4x2@v1.0.0",
        "bundle            as its node wants it",
        "requests to come  16",
    ):
        assert words in said, said
    record = json.loads(family.t4zoo("release", name("t4x2", "v1.0.1"), "--dry-run", "--json").out)
    assert record["checks"]["ancestors"] == [name("t4base"), name("t4pretrain"), name("nuscenes")]
    assert record["checks"]["ros_parameters"] == {"compared_with": name("t4x2"), "values": 21, "changes": []}
    assert record["checks"]["bundle"] is True and record["refusals"] == [] and record["requests_to_come"] == 16
    assert family.t4zoo("list", "--json").out.count("v1.0.1") == 0


def test_a_child_costs_no_more_requests_than_a_model_without_parents(family: Repository) -> None:
    counts = []
    for version in ("v1.0.1", "v1.0.2"):
        releasing = Releasing.here(family.root, name("t4x2", version))
        releasing.publish(releasing.plan())
        counts.append(releasing.requests)
    # This machine has kept no manifest of the three ancestors and of the version before when it is first asked.
    assert counts[0] <= 2 * FILES + 6 + 3 + 1 and counts[1] <= 2 * FILES + 6, counts


def test_a_parent_that_its_kind_cannot_have_is_refused(family: Repository) -> None:
    (told,) = refusals(family, name("t4x2", "v1.1.0"))
    assert told.startswith("params.yaml: models.CenterPoint-t4x2: v1.1.0 has another X.Y than its parent")
    assert told.endswith("release it as v1.0.z, or start from a base v1.1.z")
    write(family, t4x2={"kind": "base"}, t4base={"kind": "bass"})  # no stage reads it: no training is out of step
    commit(family)
    (told,) = refusals(family, name("t4x2", "v1.1.0"))
    assert f"is a base, and its parent {name('t4base')} is a base" in told
    (told,) = refusals(family, name("t4base", "v1.1.0"))
    assert told.startswith("params.yaml: models.CenterPoint-t4base: kind is 'bass'; write public, pretrain, base")


def test_a_project_starts_from_its_model_and_goes_on_from_itself(family: Repository) -> None:
    (told,) = refusals(family, name("t4x2", "v1.0.0-north.1"))
    assert f"its parent is {name('t4base')}; start from {name('t4x2')}, or an earlier v1.0.0-north.n" in told
    family.write("conf/parents/own.yaml", f"checkpoint: {name('t4x2')}\n")
    write(family, t4x2={"parent": "conf/parents/own.yaml", "seed": 10})
    family.build(stages=("evaluate@CenterPoint-t4x2", "export@CenterPoint-t4x2"))
    release(family, name("t4x2", "v1.0.0-north.1"))
    assert manifest_of(family, name("t4x2", "v1.0.0-north.1")).parent.name == name("t4x2")


def object_of(repository: Repository, path: str) -> dict[str, str]:
    bucket, _, prefix = repository.zoo.removeprefix("s3://").partition("/")
    return {"Bucket": bucket, "Key": f"{prefix}/{path}"}


def test_an_ancestor_that_is_gone_or_another_is_refused(family: Repository, client: Any) -> None:
    where = object_of(family, "models/CenterPoint/t4pretrain/v1.0.0/manifest.json")
    content = client.get_object(**where)["Body"].read()
    client.put_object(**where, Body=content.replace(b'"epoch_3.pth"', b'"epoch_4.pth"'))
    (told,) = refusals(family, name("t4x2", "v1.0.1"))
    assert told.startswith(f"ancestor {name('t4pretrain')}: {name('t4base')} was made from its manifest")
    client.delete_object(**where)
    (told,) = refusals(family, name("t4x2", "v1.0.1"))
    assert told.startswith(f"ancestor {name('t4pretrain')}") and "is not in the zoo" in told


def test_nothing_is_built_upon_a_yanked_ancestor(family: Repository, client: Any) -> None:
    family.t4zoo("yank", name("t4pretrain"), "--reason", "a scene was withdrawn")
    told = f"ancestor {name('t4pretrain')}: is yanked: a scene was withdrawn; train again from a version that stands"
    assert refusals(family, name("t4x2", "v1.0.1")) == [told]
    client.delete_object(**object_of(family, "index.json"))  # the notice itself is asked where no index is
    assert refusals(family, name("t4x2", "v1.0.1")) == [told]


def test_another_parameter_of_the_node_asks_for_another_x(family: Repository) -> None:
    write(family, t4base={"yaw": 0.25}, t4x2={"yaw": 0.25})
    family.build(stages=("export@CenterPoint-t4base", "export@CenterPoint-t4x2"))
    change = "model_params.yaw_norm_thresholds [0.3, 0.3, 0.3, 0.3, 0.0] -> [0.25, 0.3, 0.3, 0.3, 0.0]"
    for of, last in ((name("t4base", "v1.1.0"), name("t4base")), (name("t4x2", "v1.0.1"), name("t4x2"))):
        (told,) = refusals(family, of)
        assert f"not as in {last}: ml_package.param.yaml: {change}; release v2.0.0" in told
    assert plan(family, name("t4base", "v2.0.0")).report


def test_before_v1_any_parameter_may_change(repository: Repository) -> None:
    release(repository, name("t4base", "v0.1.0"))
    repository.params(t4base={"yaw": 0.2})
    repository.build()
    report = plan(repository, name("t4base", "v0.2.0")).report
    assert report and [change.key for change in report.parameters.changes] == [
        "ml_package.param.yaml: model_params.yaw_norm_thresholds"
    ]


def test_a_test_scene_that_was_trained_on_is_refused_in_whatever_revision(family: Repository) -> None:
    seen = {"of its parent": "a/7", "of its own": "e/1", "of an ancestor": "n/4"}
    write(family, products={**PRODUCTS, "x2": {"train": ["e/0"], "val": ["f/0"], "test": ["g/0", *seen.values()]}})
    family.build(stages=("evaluate@CenterPoint-t4x2", "export@CenterPoint-t4x2"))
    told = [line.removeprefix("info/x2/statistics.json: ") for line in refusals(family, name("t4x2", "v1.0.1"))]
    cure = "take them out of `test` in conf/dataset/, or train from a parent that has not seen them"
    assert told == [
        f"1 test scenes were trained on by {name('t4x2', 'v1.0.1')}: e/1; {cure}",
        f"1 test scenes were trained on by {name('t4base')}: a/7; {cure}",
        f"1 test scenes were trained on by {name('t4pretrain')}: a/7; {cure}",
        f"1 test scenes were trained on by {name('nuscenes')}: n/4; {cure}",
    ]


def test_what_train_read_is_trained_on_whatever_its_file_is_called(family: Repository) -> None:
    pipeline = (family.root / "dvc.yaml").read_text()
    read = "        - info/${item.product}/info_train.pkl\n"
    family.write("dvc.yaml", pipeline.replace(read, read + read.replace("train", "test"), 1))
    family.build(stages=("evaluate@CenterPoint-t4base", "export@CenterPoint-t4base"))
    (told,) = refusals(family, name("t4base", "v1.1.0"))
    assert told.startswith(
        f"info/base/statistics.json: 1 test scenes were trained on by {name('t4base', 'v1.1.0')}: d/2"
    )


def test_weights_by_url_may_start_a_public_model_and_their_scenes_are_told_as_unknown(repository: Repository) -> None:
    url = "https://models.example.invalid/nuscenes.pth"
    repository.write("conf/parents/url.yaml", f"checkpoint: {url}\nsha256: {'a' * 64}\n")
    repository.params(nuscenes="conf/parents/url.yaml", t4base="conf/parents/url.yaml")
    repository.build()
    report = plan(repository, name("nuscenes")).report
    assert report and report.leaks.unknown == (url,)
    (told,) = refusals(repository, name("t4base"))
    assert url in told and "start from a pretrain or conf/parents/scratch.yaml" in told


def train_on_all(family: Repository) -> None:
    """t4x2 once more, on its test scenes too, and not scored."""
    x2 = PRODUCTS["x2"]
    write(family, products={**PRODUCTS, "x2": {**x2, "train": [scene for split in x2.values() for scene in split]}})
    family.build(stages=("export@CenterPoint-t4x2",))


def test_a_release_is_trained_on_all_scenes_has_no_score_and_no_children(family: Repository) -> None:
    train_on_all(family)
    release(family, name("t4x2", "v1.0.0-release"))
    manifest = manifest_of(family, name("t4x2", "v1.0.0-release"))
    assert manifest.scenes.train == ("e/0", "f/0", "g/0", "h/0")
    assert manifest.scenes.val == manifest.scenes.test == ()
    assert manifest.metrics is None and not manifest.of_role("metrics", "test_log", "plot")
    assert manifest.parent.name == name("t4base")
    family.build(stages=("evaluate@CenterPoint-t4x2-50m", "export@CenterPoint-t4x2-50m"))
    told = refusals(family, name("t4x2-50m", "v1.0.1"))
    assert any("its parent is CenterPoint/t4x2@v1.0.0-release, which was trained on its test" in line for line in told)


def test_a_release_with_a_score_or_beside_no_version_is_refused(family: Repository) -> None:
    stage = (family.root / "stage.py").read_text()
    family.write("stage.py", stage.replace("train/scalars.json", "train/metrics.json"))
    train_on_all(family)
    family.build(stages=("evaluate@CenterPoint-t4x2",))
    told = refusals(family, name("t4x2", "v1.0.9-release"))
    for words in (
        "v1.0.9-release stands beside v1.0.9, which has its score and is not released; release CenterPoint/t4x2@v1.0.9",
        "models/CenterPoint/t4x2: a -release carries no test score, and this has metrics.json",
        "dvc.lock: evaluate@CenterPoint-t4x2 scored this very checkpoint, which was trained on its test scenes",
    ):
        assert any(words in line for line in told), told
    # An index that is late does not hide the version that is there.
    update(S3Folder(zoo_of(family.root)), lambda index: index.without([name("t4x2")]))
    told = refusals(family, name("t4x2", "v1.0.0-release"))
    assert not any("stands beside" in line for line in told), told


def test_a_bundle_that_its_node_would_refuse_is_refused_with_all_other_reasons(family: Repository) -> None:
    package = family.root / "bundle/ml_package.param.yaml"
    sound = package.read_text()
    package.write_text(sound.replace("0.3, 0.0]", "0.0]").replace("[0.5, 0.5, 8.0]", "[0.5, 0.3, 8.0]"))
    family.write("bundle/notes.txt", "mine")
    write(family)
    family.build(stages=("export@CenterPoint-t4x2",))
    refused = family.t4zoo("release", name("t4x2", "v1.1.0"), check=False)
    assert refused.code == 1
    for words in (
        "models/CenterPoint/t4x2/export/ml_package.param.yaml: model_params.yaw_norm_thresholds",
        "models/CenterPoint/t4x2/export/notes.txt: file: is no part of the bundle",
        "v1.1.0 has another X.Y than its parent",
        "what the ROS node reads is not as in CenterPoint/t4x2@v1.0.0",
    ):
        assert words in refused.err, refused.err
    package.write_text(sound.replace("[-16.0, -16.0, -3.0, 16.0", "[-16.0, -16.0, -3.0, 20.0"))
    family.build(stages=("export@CenterPoint-t4x2",))
    record = family.t4zoo("release", name("t4x2", "v2.0.0"), "--json", check=False)
    told = {one["where"]: one["what"] for one in json.loads(record.out)["refusals"]}
    where = "models/CenterPoint/t4x2/export/pts_backbone_neck_head.onnx: spatial_features"
    assert record.code == 1 and told[where].startswith("takes [1, 32, 64, 64], and the node sets [1, 32, 64, 72]")


def test_a_lock_whose_stages_read_what_nobody_made_is_refused_in_a_bare_clone(
    family: Repository, tmp_path: Path
) -> None:
    write(family, t4x2={"seed": 5})
    family.build(stages=("train@CenterPoint-t4x2",))
    clone = Repository(tmp_path / "clone", family.url)
    family.git("clone", "--quiet", str(family.root), str(clone.root))
    told = refusals(clone, name("t4x2", "v1.0.1"))
    for stage in ("evaluate", "export"):
        what = f"dvc.lock: {stage}@CenterPoint-t4x2 read another {train('t4x2')} than train@CenterPoint-t4x2 made"
        assert any(line.startswith(what) for line in told), told


def test_a_version_behind_one_of_its_own_line_is_refused(family: Repository) -> None:
    assert any("v0.9.0: comes behind v1.0.0" in told for told in refusals(family, name("nuscenes", "v0.9.0")))
