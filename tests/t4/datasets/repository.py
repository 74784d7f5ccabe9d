"""A repository of its own in git, with lists, products and real small scenes, to change and to spoil."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from t4zoo.t4.dataset_list import SPLITS
from t4zoo.t4.synth_scene import CONCAT, ScenePlan, write_scene
from tests.forked import command as forked

NAME = "db_street_v1"
PERSON = {f"GIT_{role}_{key}": "engineer" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}


def make_scenes(data_root: Path) -> dict[str, list[str]]:
    """Six scenes of three frames in `data_root`; the `{T4 id}/{revision}` of each split."""
    keys: dict[str, list[str]] = {}
    for split, count in {"train": 3, "val": 1, "test": 2}.items():
        for number in range(count):
            plan = ScenePlan(NAME, split, number, 3, CONCAT)
            write_scene(data_root / NAME / plan.key, plan)
            keys.setdefault(split, []).append(plan.key)
    return keys


class Repository:
    """A team's repository; `scenes` are those of its one list, by split."""

    def __init__(self, root: Path, data: Path, scenes: dict[str, list[str]]) -> None:
        self.root, self.scenes = root, scenes
        shutil.copytree(data, self.data)
        (root / ".dvc").mkdir()
        (root / ".dvc/config").write_text("[core]\n    analytics = false\n")
        (root / ".gitignore").write_text("/data/\n/info/\n/.dvc/cache/\n/pseudo_t4dataset/\n")
        self.write("conf/create_info.yaml", {"data_root": "data/t4dataset", "dataset_lists": "conf/dataset"})
        self.list(NAME, **scenes)
        self.product("base", {"name": NAME, "sample_steps": 1})
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("first")

    @property
    def data(self) -> Path:
        return self.root / "data/t4dataset"

    def scene(self, split: str, number: int = 0, name: str = NAME) -> Path:
        return self.data / name / self.scenes[split][number]

    def write(self, path: str, content: Any) -> None:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))

    def list(self, name: str, version: str = "db-street-v1.0", folder: str = "conf/dataset", **content: Any) -> None:
        splits = {split: content.pop(split, []) for split in SPLITS}
        self.write(f"{folder}/{name}.yaml", {"version": 1, "dataset_version": version, **content, **splits})

    def product(self, name: str, *datasets: Any) -> None:
        self.write(f"conf/product/{name}.yaml", {"name": name, "datasets": list(datasets)})

    def git(self, *arguments: str) -> str:
        command = ["git", *arguments]
        environment = os.environ | PERSON
        return subprocess.run(
            command, cwd=self.root, env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self, message: str, tag: str = "") -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        if tag:
            self.git("tag", "--annotate", "--message", message, tag)
        return self.git("rev-parse", "HEAD")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`t4zoo dataset ...` in the repository."""
        return forked.run("t4zoo", "dataset", *arguments, cwd=self.root)

    def asked(self, *arguments: str) -> Any:
        """What `t4zoo dataset ... --json` says."""
        done = self.run(*arguments, "--json")
        assert done.returncode in (0, 1) and "Traceback" not in done.stderr, done.stderr
        return json.loads(done.stdout)
