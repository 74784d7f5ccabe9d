"""`make demo` from a fresh copy of this repository: it learns, it releases, and a second run changes nothing."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import urllib.request
from pathlib import Path

import pytest

from t4zoo.demo.short import RELEASES
from t4zoo.zoo.storage.server import Server
from tests.copies import ROOT
from tests.demo.conftest import Made

VERSION = "CenterPoint/t4base@v1.0.0"
FILES = {
    "config.py",
    "detection_class_remapper.param.yaml",
    "loss.csv",
    "metrics.json",
    "ml_package.param.yaml",
    "pts_backbone_neck_head.onnx",
    "pts_voxel_encoder.onnx",
    "test_log.log",
    "train_log.log",
}


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def released_url(server: Server) -> str:
    return f"{server.endpoint}/t4zoo/demo/autoware-ml/models/CenterPoint/t4base/v1.0.0"


def stages_to_run(made: Made, clone: Path, *options: str) -> set[str]:
    output = made.run("dvc", "repro", "--dry", *options, cwd=clone).stdout
    return set(re.findall(r"Running stage '([^']+)'", output))


def test_make_demo_is_this_command():
    assert "demo: setup" in (ROOT / "Makefile").read_text()
    assert "@t4zoo demo" in (ROOT / "Makefile").read_text()


def test_its_last_screen_says_what_was_made_where_and_what_to_try(made: Made):
    screen = made.output[made.output.rindex("What was made") :]
    for text in (VERSION, "mAP", ".demo/pulled", "Three things to try", "make serve", "dvc repro", "t4zoo init"):
        assert text in screen


# Before the tests that have the demo's server up: one folder, one server.
def test_a_second_demo_says_that_there_is_nothing_to_do_and_does_nothing(made: Made):
    before = digests(made.pulled) | digests(made.clone / "models")
    head = made.run("git", "rev-parse", "HEAD").stdout
    with_no_server = {key: value for key, value in made.environment.items() if not key.startswith("AWS_")}
    done = subprocess.run(["t4zoo", "demo"], cwd=made.template, env=with_no_server, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing to do" in done.stdout
    assert "dvc repro" not in done.stdout[: done.stdout.index("Three things to try")]
    assert digests(made.pulled) | digests(made.clone / "models") == before
    assert made.run("git", "rev-parse", "HEAD").stdout == head


def test_the_model_has_learned_on_scenes_that_it_never_saw(made: Made):
    metrics = json.loads((made.clone / "models/CenterPoint/t4base/evaluate/metrics.json").read_text())
    assert metrics["AP_2m"]["car"] >= 0.95
    assert metrics["mAP_2m"] >= 0.70


def test_train_and_test_scenes_differ(made: Made):
    from t4zoo.info import load

    train, test = (
        {frame.scene for frame in load(made.clone / f"info/base/info_{split}.pkl").frames}
        for split in ("train", "test")
    )
    assert train
    assert test
    assert not train & test


def test_the_users_own_repository_is_untouched(made: Made):
    assert made.run("git", "status", "--porcelain", cwd=made.template).stdout == ""
    assert made.run("git", "tag", cwd=made.template).stdout == ""
    assert made.run("git", "rev-list", "--count", "--all", cwd=made.template).stdout.strip() == "1"
    assert made.run("git", "remote", cwd=made.clone).stdout == ""


def test_no_credentials_are_in_git_or_on_the_screen(made: Made):
    secret = json.loads((made.home / "s3/iam.json").read_text())["identities"][0]["credentials"][0]["secretKey"]
    assert secret not in made.output
    for text in (made.run("git", "log", "-p", "--all").stdout, (made.pulled / "manifest.json").read_text()):
        assert secret not in text


def test_the_pulled_folder_holds_what_the_specification_names(made: Made):
    names = set(digests(made.pulled))
    assert FILES | {"manifest.json"} <= names
    assert [name for name in names if re.fullmatch(r"epoch_\d+\.pth", name)]


def test_the_pulled_bytes_are_those_of_the_workspace(made: Made):
    pulled = digests(made.pulled)
    workspace = {}
    for part in ("train", "evaluate", "export"):
        workspace |= digests(made.clone / "models/CenterPoint/t4base" / part)
    assert {name: pulled[name] for name in pulled if name != "manifest.json"} == workspace


def test_a_released_file_is_read_by_its_plain_url(made: Made, server: Server):
    with urllib.request.urlopen(f"{released_url(server)}/ml_package.param.yaml") as answer:
        assert answer.read() == (made.pulled / "ml_package.param.yaml").read_bytes()


def test_a_fresh_clone_at_the_tag_pulls_the_exact_bytes(made: Made, server: Server, tmp_path: Path):
    clone = tmp_path / "fresh"
    made.run("git", "clone", "--quiet", str(made.clone), str(clone), cwd=tmp_path)
    made.run("git", "checkout", "--quiet", VERSION, cwd=clone)
    made.run("dvc", "pull", cwd=clone)  # endpoint and credentials come from the AWS_* variables
    for folder in ("models", "info", "auto_label", "pseudo_t4dataset"):
        assert digests(clone / folder) == digests(made.clone / folder)
    made.run("dvc", "repro", "--allow-missing", cwd=clone)
    assert stages_to_run(made, clone, "--allow-missing") == set()


def test_the_auto_label_folder_holds_what_the_specification_names(made: Made):
    names = set(digests(made.clone / "auto_label/20241101_sample"))
    assert names >= {"info_all.pkl", "pseudo_infos_filtered.pkl", "dataset_id_list.yaml", "log.log"}
    assert {f"raw/pseudo_infos_raw_CenterPoint-t4base.{suffix}" for suffix in ("pkl", "parquet")} <= names


def test_an_auto_label_names_the_model_that_made_it(made: Made):
    tables = sorted((made.clone / "pseudo_t4dataset").rglob("sample_annotation.json"))
    boxes = [box for table in tables for box in json.loads(table.read_text())]
    assert len(tables) == 2
    assert len(boxes) > 50
    for box in boxes:
        assert box["automatic_annotation"] is True
        (by,) = box["autolabel_metadata"]
        assert re.fullmatch(r"CenterPoint/t4base@sha256:[0-9a-f]{12}", by["name"])
        assert 0.35 <= by["score"] <= 1.0


def test_editing_a_comment_reruns_nothing(made: Made, tmp_path: Path):
    clone = made.copy_of_clone(tmp_path / "clone")
    for file in sorted((clone / "conf").rglob("*.yaml")):
        if file.parent.name not in ("dataset", "parents"):  # lists of scenes and of weights are inputs as they stand
            file.write_text(f"# another comment\n{file.read_text()}")
    assert stages_to_run(made, clone) == set()


def test_where_stages_would_run_is_no_reason_to_run_them(made: Made):
    elsewhere = {"T4ZOO_LAUNCHER": "gpus", "T4ZOO_START": "torchrun --standalone", "T4ZOO_DATA_LAUNCHER": "ray"}
    there = Made(made.template, made.home, made.output, {**made.environment, **elsewhere})
    assert stages_to_run(there, there.clone) == set()


def test_editing_the_zoo_reruns_nothing(made: Made, tmp_path: Path):
    clone = made.copy_of_clone(tmp_path / "clone")
    for file in sorted((clone / "t4zoo/zoo").glob("*.py")):
        file.write_text(f"{file.read_text()}\nEDITED = True\n")
    assert stages_to_run(made, clone) == set()


def test_editing_the_head_reruns_train_and_what_follows_it(made: Made, tmp_path: Path):
    clone = made.copy_of_clone(tmp_path / "clone")
    head = clone / "t4zoo/models/CenterPoint/head.py"
    head.write_text(f"{head.read_text()}\nEDITED = True\n")
    readers = {
        "train@CenterPoint-t4base",
        "evaluate@CenterPoint-t4base",
        "export@CenterPoint-t4base",
        "predict@20241101_sample-CenterPoint-t4base",
    }
    assert stages_to_run(made, clone) == readers
    # Autolabel never reads the head; it follows when the predictions turn out to differ, which only a run can tell.
    assert stages_to_run(made, clone, "--force-downstream") == {*readers, "autolabel@20241101_sample"}


def test_another_threshold_runs_autolabel_only_and_keeps_fewer_boxes(made: Made, tmp_path: Path):
    clone = made.copy_of_clone(tmp_path / "clone")
    (edit,) = re.findall(r"&& (sed -i .*) && dvc repro", made.output)  # as the last screen suggests
    made.run("bash", "-c", edit, cwd=clone)
    output = made.run("dvc", "repro", cwd=clone).stdout
    assert re.findall(r"Running stage '([^']+)'", output) == ["autolabel@20241101_sample"]
    before, after = (
        sum(len(json.loads(table.read_text())) for table in (root / "pseudo_t4dataset").rglob("sample_annotation.json"))
        for root in (made.clone, clone)
    )
    assert 0 < after < before


def test_another_range_band_evaluates_again_and_trains_nothing(made: Made, tmp_path: Path):
    clone = made.copy_of_clone(tmp_path / "clone")
    product = clone / "conf/product/base.yaml"
    product.write_text(product.read_text().replace("[0.0, 10.0]", "[0.0, 8.0]"))
    assert stages_to_run(made, clone) == {"evaluate@CenterPoint-t4base"}


def test_info_is_byte_identical_when_it_is_made_again(made: Made, tmp_path: Path):
    clone = made.copy_of_clone(tmp_path / "clone")
    made.run("python", "-m", "stages.create_info", f"out={tmp_path / 'info'}", cwd=clone)
    assert digests(tmp_path / "info") == digests(made.clone / "info/base")


@pytest.mark.parametrize("form", ["version", "zoo", "http", "s3"])
def test_a_training_starts_from_a_released_version_however_it_is_named(
    made: Made, server: Server, tmp_path: Path, form: str
):
    checkpoint = next(made.pulled.glob("epoch_*.pth"))
    parent = {
        "version": VERSION,
        "zoo": f"zoo://CenterPoint/t4base/v1.0.0/{checkpoint.name}",
        "http": f"{released_url(server)}/{checkpoint.name}",
        "s3": f"s3://t4zoo/demo/autoware-ml/models/CenterPoint/t4base/v1.0.0/{checkpoint.name}",
    }[form]
    few = ["algorithm.epochs=1", "product=x2", "info=info/x2/info_val.pkl"]
    made.run("python", "-m", "stages.train", f"parent={parent}", *few, f"out={tmp_path / 'train'}")
    log = (tmp_path / "train" / "train_log.log").read_text()
    assert f"started from {parent}" in log


def test_a_released_model_signs_its_predictions_with_its_version(made: Made, server: Server, tmp_path: Path):
    from t4zoo.info import load

    assert server.endpoint in made.environment["AWS_ENDPOINT_URL"]
    made.run("python", "-m", "stages.predict", f"checkpoint={VERSION}", f"out={tmp_path / 'raw.pkl'}")
    assert load(tmp_path / "raw.pkl").extra["model"]["name"] == VERSION


def test_metrics_and_plots_are_dvcs(made: Made, tmp_path: Path):
    shown = json.loads(made.run("dvc", "metrics", "show", "--json").stdout)
    assert "models/CenterPoint/t4base/evaluate/metrics.json" in json.dumps(shown)
    assert "WARNING" not in made.run("dvc", "plots", "show", "--out", str(tmp_path / "plots")).stderr
    page = (tmp_path / "plots" / "index.html").read_text()
    for name in ("precision_recall.csv", "CenterPoint/t4base, loss"):
        assert name in page


def test_the_version_is_a_dvc_artifact(made: Made, server: Server, tmp_path: Path):
    assert server.endpoint
    command = ["dvc", "artifacts", "get", str(made.clone), "CenterPoint/t4base", "--rev", "v1.0.0"]
    made.run(*command, "--out", str(tmp_path / "got"), cwd=tmp_path)
    assert digests(tmp_path / "got") == digests(made.clone / "models/CenterPoint/t4base/train")


@pytest.mark.usefixtures("server")
def test_what_was_released_is_made_again_byte_for_byte(made: Made):
    for name in RELEASES:
        assert "is the same, byte for byte" in made.run("t4zoo", "reproduce", name).stdout


@pytest.mark.usefixtures("server")
def test_releasing_the_same_again_changes_nothing_and_other_bytes_are_refused(made: Made, tmp_path: Path):
    clone = made.copy_of_clone(tmp_path / "clone")
    again = made.run("t4zoo", "release", VERSION, cwd=clone)
    assert "already" in again.stdout
    log = clone / "models/CenterPoint/t4base/train/train_log.log"
    log.unlink()  # the link into the cache, not what it leads to
    log.write_text("another training\n")
    made.run("dvc", "commit", "--force", "train@CenterPoint-t4base", cwd=clone)
    made.run("git", "commit", "--quiet", "--all", "--message", "another", cwd=clone)
    made.run("dvc", "push", cwd=clone)
    refused = made.run("t4zoo", "release", VERSION, cwd=clone, check=False)
    assert refused.returncode == 1
    assert VERSION in refused.stderr
    assert "Traceback" not in refused.stderr
