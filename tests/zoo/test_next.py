"""`t4zoo next` proposes the version that the committed state would be, says why, and writes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from t4zoo.errors import T4zooError, UsageError
from t4zoo.zoo.releasing.origin import OriginError
from t4zoo.zoo.releasing.refusal import RefusedError
from tests.zoo.families import CHAIN, PRODUCTS, name, proposed, release, write
from tests.zoo.repository import NAME, SCENES, Repository

T4BASE, T4X2 = "CenterPoint/t4base", "CenterPoint/t4x2"


def objects(repository: Repository, client: Any) -> list[tuple[str, str]]:
    bucket, _, prefix = repository.url.removeprefix("s3://").partition("/")
    listed = client.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/")["Contents"]
    return [(item["Key"], item["ETag"]) for item in listed]


def test_the_first_version_is_v1_0_0(repository: Repository, client: Any) -> None:
    before = objects(repository, client)
    assert repository.t4zoo("next", T4BASE).out.splitlines() == [
        NAME,
        "  the first version of a base",
        f"  of commit {repository.git('rev-parse', 'HEAD')[:10]}",
    ]
    assert objects(repository, client) == before and repository.git("status", "--porcelain") == ""


def test_a_state_that_is_released_already_has_that_version(family: Repository) -> None:
    for model in CHAIN:
        found = proposed(family, f"CenterPoint/{model}")
        assert str(found.name) == name(model) and found.is_unchanged
    said = family.t4zoo("next", T4X2)
    assert said.code == 0 and "nothing has changed since that version" in said.out
    assert json.loads(family.t4zoo("next", T4X2, "--json").out)["unchanged"] is True


def test_a_product_grows_in_z_and_a_child_waits_for_its_parent(family: Repository) -> None:
    write(family, t4x2={"seed": 2})
    family.build(push=False)
    found = proposed(family, T4X2)
    assert (
        str(found.name) == name("t4x2", "v1.0.1")
        and "shares the X.Y of its parent CenterPoint/t4base@v1.0.0" in found.why
    )
    assert str(found.last) == name("t4x2") and found.files == ("epoch_3.pth",) and found.parameters == ()
    assert "compared with CenterPoint/t4x2@v1.0.0: 1 of 11 files differ" in str(found)
    with pytest.raises(OriginError, match=r"no version of CenterPoint/t4x2 .*release that model"):
        proposed(family, "CenterPoint/t4x2-50m")


def test_a_base_grows_in_y_and_its_product_follows(family: Repository) -> None:
    write(family, t4base={"seed": 2})
    family.build()
    assert str(proposed(family, T4BASE).name) == name("t4base", "v1.1.0")
    release(family, name("t4base", "v1.1.0"))
    found = proposed(family, T4X2)
    assert str(found.name) == name("t4x2", "v1.1.0") and found.why == f"X.Y is that of its parent {T4BASE}@v1.1.0"
    release(family, name("t4x2", "v1.1.0"))  # the gate agrees with what was proposed


def test_other_parameters_of_the_node_ask_for_x_and_of_a_product_for_a_base_first(family: Repository) -> None:
    write(family, t4base={"yaw": 0.25}, t4x2={"yaw": 0.25})
    family.build(push=False)
    found = proposed(family, T4BASE)
    assert (
        str(found.name) == name("t4base", "v2.0.0") and "X+1: what the ROS node reads is not as in v1.0.0" in found.why
    )
    assert [change.key for change in found.parameters] == ["ml_package.param.yaml: model_params.yaw_norm_thresholds"]
    blocked = family.t4zoo("next", T4X2, check=False)
    assert blocked.code == 1 and blocked.out == ""
    assert "so X has to be 2, and X is that of CenterPoint/t4base@v1.0.0; release a base v2.0.0 first" in blocked.err
    assert "yaw_norm_thresholds [0.3, 0.3, 0.3, 0.3, 0.0] -> [0.25," in blocked.err
    record = family.t4zoo("next", T4X2, "--json", check=False)
    assert record.code == 1 and json.loads(record.out)["next"] is None


def test_a_project_and_a_release_have_their_own_next(family: Repository) -> None:
    x2 = PRODUCTS["x2"]
    everything = {**x2, "train": [scene for split in x2.values() for scene in split]}
    write(family, products={**PRODUCTS, "x2": everything})
    family.build(push=False, stages=("export@CenterPoint-t4x2",))
    assert str(proposed(family, T4X2, release=True).name) == name("t4x2", "v1.0.0-release")
    assert "a base has no -release" in proposed(family, T4BASE, release=True).why
    assert "a project starts from a version of CenterPoint/t4x2" in proposed(family, T4X2, project="north").why
    family.write("conf/parents/own.yaml", f"checkpoint: {name('t4x2')}\n")
    write(family, t4x2={"parent": "conf/parents/own.yaml"})
    family.build(push=False, stages=("evaluate@CenterPoint-t4x2", "export@CenterPoint-t4x2"))
    assert str(proposed(family, T4X2, project="north").name) == name("t4x2", "v1.0.0-north.1")
    assert "is a product, and its parent CenterPoint/t4x2@v1.0.0 is a product" in proposed(family, T4X2).why


def test_info_grows_with_its_products_and_scenes(repository: Repository) -> None:
    assert str(proposed(repository, "info").name) == "info@v0.1.0"
    release(repository, "info@v0.1.0")
    assert proposed(repository, "info").is_unchanged
    repository.params(products={"base": SCENES, "x2": PRODUCTS["x2"]})
    repository.build(push=False, stages=("create_info",))
    found = proposed(repository, "info")
    assert str(found.name) == "info@v0.2.0"
    assert found.why == "Y+1: other products than info@v0.1.0; write `autoware_ml: v0.2.0` in params.yaml"
    repository.params(seed=2)
    repository.build(push=False, stages=("create_info",))
    assert str(proposed(repository, "info").name) == "info@v0.1.1"
    repository.params(products={"base": {**SCENES, "val": ["c/1"]}})
    repository.build(push=False, stages=("create_info@base",))
    assert "Y+1: other scenes than info@v0.1.0" in proposed(repository, "info").why
    repository.params(products={"base": {**SCENES, "val": ["c/1"]}}, autoware_ml="v0.3.0")
    repository.git("commit", "--quiet", "--all", "--message", "Name it")
    assert str(proposed(repository, "info").name) == "info@v0.3.0"


def test_what_has_no_next_version_is_told_so(repository: Repository) -> None:
    for series, words in (("auto_label/20241101_xx1", "have no versions"), ("t4base", "names no model")):
        with pytest.raises(UsageError, match=words):
            proposed(repository, series)
    with pytest.raises(RefusedError, match="no entry of `models` has algorithm: CenterPoint, model: other"):
        proposed(repository, "CenterPoint/other")
    repository.params(t4base={"seed": 2}, t4x2={})
    repository.git("commit", "--quiet", "--all", "--message", "Not trained yet")
    with pytest.raises(T4zooError, match=r"dvc\.lock: has nothing in models/CenterPoint/t4x2/train"):
        proposed(repository, T4X2)
    both = repository.t4zoo("next", T4BASE, "--project", "north", "--release", check=False)
    assert both.code == 2 and "one suffix or none" in both.err
