"""Every command of README.md is run: the recipes in the demo's repository, the others by the tests or by CI."""

from __future__ import annotations

import re
from pathlib import Path

import boto3
import yaml

from t4zoo.zoo.storage.server import Server
from tests.copies import ROOT
from tests.demo.conftest import Made

BLOCK = re.compile(r"^```(sh|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUN_ELSEWHERE = {
    "make demo\n": "tests/demo/test_demo.py",
    "make demo-full\n": "tests/demo/test_full_demo.py",
    "make test\n": ".ci/run",
}


def blocks() -> list[tuple[str, str]]:
    return BLOCK.findall((ROOT / "README.md").read_text())


def merge(into: dict, new: dict) -> dict:
    for key, value in new.items():
        into[key] = merge(into.get(key, {}), value) if isinstance(value, dict) else value
    return into


def test_readme_has_its_two_commands_first():
    assert [text for kind, text in blocks() if kind == "sh"][:2] == ["make demo\n", "make test\n"]


def test_ci_runs_what_the_readme_tells_a_newcomer():
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_every_path_that_the_readme_names_exists():
    for path in re.findall(r"\]\(([\w./-]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / path).exists(), path


def test_every_recipe_runs(made: Made, server: Server, tmp_path: Path):
    clone = made.copy_of_clone(tmp_path / "clone")
    client = boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=server.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=server.environment["AWS_SECRET_ACCESS_KEY"],
    )
    client.create_bucket(Bucket="my-bucket")
    scenes = clone / "data/t4dataset/sample_raw_v1"
    for path in sorted(path for path in scenes.rglob("*") if path.is_file()):
        client.upload_file(str(path), "my-bucket", f"t4/db_team_v1/{path.relative_to(scenes).as_posix()}")
    made.environment["ZOO"] = f"{server.endpoint}/t4zoo/demo/autoware-ml"
    ran = 0
    for kind, text in blocks():
        if kind == "yaml":
            file, _, body = text.removeprefix("# ").partition("\n")
            data = merge(yaml.safe_load((clone / file).read_text()), yaml.safe_load(body))
            (clone / file).write_text(yaml.safe_dump(data, sort_keys=False))
        elif text not in RUN_ELSEWHERE:
            made.run("bash", "-euc", text, cwd=clone)
            ran += 1
    assert ran >= 8


def test_the_tree_in_the_readme_is_the_tree_of_the_repository():
    text = (ROOT / "README.md").read_text()
    tree = text[text.index("## The tree") : text.index("## I want to")]
    top = {name.rstrip("/") for name in re.findall(r"^([\w./]+) ", tree, re.MULTILINE)}
    assert all((ROOT / name).exists() for name in top), top
    folders = {path.name for path in (ROOT / "conf").iterdir() if path.is_dir()}
    assert all(f"{name}/" in tree for name in folders)
