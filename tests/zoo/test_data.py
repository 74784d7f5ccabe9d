"""Info files and auto-labels are released as models are: in their own layout, whole, and never changed."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
import yaml

from t4zoo.zoo.manifest import Manifest
from t4zoo.zoo.reading.locate import Where, locate
from t4zoo.zoo.reading.verify import verify_zoo
from tests.zoo.families import PRODUCTS, plan, refusals, release
from tests.zoo.repository import NAME, SCENES, Repository

SET, OTHER = "20241101_xx1", "20241102_xx1"
RAW = "pseudo_infos_raw_CenterPoint-t4base.pkl"
TWIN = "pseudo_infos_raw_CenterPoint-t4base.parquet"


def keys(repository: Repository, client: Any, below: str) -> set[str]:
    bucket, _, prefix = repository.zoo.removeprefix("s3://").partition("/")
    listed = client.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/{below}")["Contents"]
    return {item["Key"].removeprefix(f"{prefix}/") for item in listed} - {f"{below}.claim"}


def manifest(repository: Repository, name: str) -> Manifest:
    return Manifest.model_validate_json(repository.t4zoo("show", name, "--json").out)


def commit(repository: Repository) -> None:
    repository.git("commit", "--quiet", "--all", "--message", "Spoil")


def test_info_of_all_products_is_one_version_with_the_repositorys_own_tag(repository: Repository, client: Any) -> None:
    repository.params(products={"base": SCENES, "x2": PRODUCTS["x2"]}, autoware_ml="v0.3.0")
    repository.build()
    said = repository.t4zoo("release", "info@v0.3.0").out
    files = {f"{product}/{file}" for product in ("base", "x2") for file in FILES}
    assert keys(repository, client, "info/v0.3.0/") == {f"info/v0.3.0/{file}" for file in [*files, "manifest.json"]}
    found = manifest(repository, "info@v0.3.0")
    assert {file.path: file.role for file in found.files} == {
        file: "statistics" if file.endswith(".json") else "info" for file in files
    }
    assert found.products is not None and list(found.products) == ["base", "x2"]
    assert found.products["x2"].test == ("g/0", "h/0") and found.kind is None and found.scenes is None
    assert "git tag v0.3.0" in said and repository.git("cat-file", "-t", "v0.3.0") == "tag"
    digest = hashlib.sha256(found.to_bytes()).hexdigest()
    assert f"manifest-sha256: {digest}" in repository.git("tag", "-l", "--format=%(contents)", "v0.3.0").splitlines()
    assert verify_zoo(locate("info@v0.3.0", Where(repository.zoo))).findings == ()
    assert "already released" in repository.t4zoo("release", "info@v0.3.0").out
    repository.params(autoware_ml="v0.4.0")  # x2 is no more, though dvc.lock keeps what was made of it
    commit(repository)
    assert {file.path.split("/")[0] for file in plan(repository, "info@v0.4.0").manifest.files} == {"base"}


FILES = ("info_train.pkl", "info_val.pkl", "info_test.pkl", "statistics.json")


def test_info_is_released_under_the_version_that_params_yaml_has(repository: Repository) -> None:
    (told,) = refusals(repository, "info@v0.2.0")
    assert told == (
        "params.yaml: autoware_ml is v0.1.0, not v0.2.0; write the version there and commit, or release that one"
    )
    repository.params(products={"base": SCENES, "x2": PRODUCTS["x2"]})
    commit(repository)
    told = " ".join(refusals(repository, "info@v0.1.0"))
    assert "has nothing in info/x2; `dvc repro` and commit" in told


@pytest.fixture
def labelled(released: Repository) -> Repository:
    """Labels of one set, made with t4base@v1.0.0, which is released; and a second threshold for the same boxes."""
    released.write("conf/ensemble/third.yaml", "models: {CenterPoint-t4base: {car: 0.3}}\n")
    released.write("conf/tracking/none.yaml", "method: none\n")
    released.params(
        predictions={"one": {"auto_label": SET, "model": "t4base"}},
        auto_labels={
            SET: {"raw": SET, "ensemble": "half", "tracking": "kalman"},
            OTHER: {"raw": SET, "ensemble": "third", "tracking": "none"},
        },
    )
    released.build()
    return released


def test_labels_name_the_raw_boxes_the_model_and_the_thresholds_that_they_are_made_of(
    labelled: Repository, client: Any
) -> None:
    said = labelled.t4zoo("release", f"auto_label/{SET}").out
    names = {"info_all.pkl", "pseudo_infos_filtered.pkl", "dataset_id_list.yaml", "log.log", RAW, TWIN}
    below = f"auto_label/{SET}/"
    assert keys(labelled, client, below) == {f"{below}{name}" for name in [*names, "manifest.json"]}
    assert f"git tag auto_label/{SET}" in said and labelled.git("cat-file", "-t", f"auto_label/{SET}") == "tag"
    found = manifest(labelled, f"auto_label/{SET}")
    assert found.labels is not None and found.labels.scenes == ("p/0", "q/3")
    model = locate(NAME, Where(labelled.zoo)).released
    for raw, name in zip(found.labels.raw, (TWIN, RAW), strict=True):
        content = (labelled.root / f"auto_label/{SET}/raw/{name}").read_bytes()
        assert (raw.file, raw.holder, raw.sha256) == (name, f"auto_label/{SET}", hashlib.sha256(content).hexdigest())
        assert (raw.model.name, raw.model.manifest, raw.model.file) == (NAME, model.digest, "epoch_3.pth")
    roles = {file.path: file.role for file in found.files}
    assert roles[RAW] == roles[TWIN] == "prediction"
    assert found.labels.ensemble == yaml.safe_load((labelled.root / "conf/ensemble/half.yaml").read_text())
    assert found.labels.tracking == yaml.safe_load((labelled.root / "conf/tracking/kalman.yaml").read_text())
    ensemble, tracking = found.labels.ensemble_sha256, found.labels.tracking_sha256 or ""
    settings = f"2 scenes; ensemble sha256 {ensemble[:16]}…, tracking sha256 {tracking[:16]}…"
    assert settings in labelled.t4zoo("show", f"auto_label/{SET}").out.replace("\n", " ")


def test_another_threshold_is_a_set_of_its_own_derived_from_the_same_raw_boxes(
    labelled: Repository, client: Any
) -> None:
    (told,) = refusals(labelled, f"auto_label/{OTHER}")
    assert f"auto_label/{SET} is not in the zoo" in told
    release(labelled, f"auto_label/{SET}", f"auto_label/{OTHER}")
    first, second = (manifest(labelled, f"auto_label/{one}").labels for one in (SET, OTHER))
    assert first is not None and second is not None and first.raw == second.raw
    assert first.ensemble_sha256 != second.ensemble_sha256 and first.tracking_sha256 != second.tracking_sha256
    compared = labelled.t4zoo("compare", f"auto_label/{SET}", f"auto_label/{OTHER}").out
    assert "how it was labelled\n  ensemble: models.CenterPoint-t4base.car: 0.5 -> 0.3\n" in compared
    assert "  tracking: gates.car: 12.0 -> nothing\n  tracking: method: kalman -> none\n" in compared
    assert not keys(labelled, client, f"auto_label/{OTHER}/") & {f"auto_label/{OTHER}/{name}" for name in (RAW, TWIN)}
    shown = labelled.t4zoo("release", f"auto_label/{OTHER}", "--dry-run").out
    assert f"derived from      auto_label/{SET}/{TWIN} (" in shown and f", auto_label/{SET}/{RAW} (" in shown
    assert f"tracking          sha256 {(second.tracking_sha256 or '')[:16]}…" in shown
    assert f"models: {NAME}\n" in shown  # once, though it has two files
    # Raw boxes that are made again are not those that were released.
    stage = (labelled.root / "stage.py").read_text()
    labelled.write("stage.py", stage.replace("randbytes(500)", "randbytes(501)"))
    labelled.build()
    told = refusals(labelled, f"auto_label/{OTHER}")
    what = f"auto_label/{SET} was released with other raw predictions; give this set its own"
    assert any(what in line for line in told), told


def test_labels_of_a_model_that_is_not_released_or_is_yanked_are_refused(labelled: Repository) -> None:
    labelled.t4zoo("yank", NAME, "--reason", "trained on a withdrawn scene")
    (told,) = refusals(labelled, f"auto_label/{SET}")
    assert told == f"model {NAME}: is yanked: trained on a withdrawn scene; predict with a version that stands"
    labelled.params(
        t4base={"seed": 2},
        predictions={"one": {"auto_label": SET, "model": "t4base"}},
        auto_labels={SET: {"raw": SET, "ensemble": "half", "tracking": "kalman"}},
    )
    labelled.build()
    (told,) = refusals(labelled, f"auto_label/{SET}")
    assert "no version of CenterPoint/t4base in the zoo has this checkpoint; release that model first" in told


@pytest.mark.parametrize("content", ["train: [p/0", "train: p/0\\nval: 3\\n", "- p/0\\n", "a: &a [1]\\nb: *a\\n"])
def test_a_list_of_labelled_scenes_that_is_none_is_refused_by_name(labelled: Repository, content: str) -> None:
    stage = (labelled.root / "stage.py").read_text()
    labelled.write("stage.py", stage.replace("train: [p/0]\\nval: []\\ntest: [q/3]\\n", content))
    labelled.build(stages=(f"autolabel@{SET}",))
    told = refusals(labelled, f"auto_label/{SET}")
    assert any(f"auto_label/{SET}/dataset_id_list.yaml: " in line for line in told), told


def test_a_set_that_params_yaml_does_not_have_is_refused(repository: Repository) -> None:
    (told,) = refusals(repository, "auto_label/20200101_none")
    assert told == "params.yaml: has no 20200101_none in `auto_labels`; add it, `dvc repro` and commit"
