"""A small real repository: git, DVC, and stages that write files with the names and places of the pipeline's."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

STAGE = """\
# Writes what a stage of the pipeline would: python stage.py <stage> <model> <product>
import json, random, sys
from pathlib import Path
from typing import Any

stage, model, product = sys.argv[1:4]
seed = json.loads(Path("params.yaml").read_text())["seed"]
noise = random.Random(f"{seed} {model} {stage}")
scenes = {"train": ["a/0", "b/1"], "val": ["c/0"], "test": ["d/2"]}


def write(path, content):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


if stage == "create_info":
    for split in scenes:
        write(f"info/{product}/info_{split}.pkl", noise.randbytes(100))
    statistics = {split: {"scenes": names, "frames": len(names)} for split, names in scenes.items()}
    write(f"info/{product}/statistics.json", json.dumps(statistics))
elif stage == "train":
    write(f"models/CenterPoint/{model}/train/epoch_3.pth", noise.randbytes(300_000))
    write(f"models/CenterPoint/{model}/train/config.py", f"model = {model!r}\\n")
    write(f"models/CenterPoint/{model}/train/train_log.log", "loss: 1\\nloss: 0.5\\n")
    write(f"models/CenterPoint/{model}/train/scalars.json", '{"loss": 0.5}\\n')
elif stage == "evaluate":
    write(f"models/CenterPoint/{model}/evaluate/metrics.json", '{"mAP": 0.75, "AP@2m": {"car": 0.9, "bus": NaN}}')
    write(f"models/CenterPoint/{model}/evaluate/plots/car.csv", "recall,precision\\n0,1\\n")
    write(f"models/CenterPoint/{model}/evaluate/test_log.log", "mAP 0.75\\n")
elif stage == "export":
    write(f"models/CenterPoint/{model}/export/pts_voxel_encoder.onnx", noise.randbytes(5_000))
    write(f"models/CenterPoint/{model}/export/pts_backbone_neck_head.onnx", noise.randbytes(9_000))
    write(f"models/CenterPoint/{model}/export/ml_package.param.yaml", "version: 4.1\\n")
"""

DVC = """\
stages:
  create_info:
    cmd: PYTHON stage.py create_info none base
    deps: [stage.py]
    params: [seed]
    outs: [info/base/info_train.pkl, info/base/info_val.pkl, info/base/info_test.pkl, info/base/statistics.json]
  train:
    foreach: ${models}
    do:
      cmd: PYTHON stage.py train ${item.model} base
      deps:
        - stage.py
        - info/base/info_train.pkl
        - ${item.parent}
      params: [seed]
      outs:
        - models/CenterPoint/${item.model}/train
  evaluate:
    foreach: ${models}
    do:
      cmd: PYTHON stage.py evaluate ${item.model} base
      deps:
        - stage.py
        - info/base/info_test.pkl
        - models/CenterPoint/${item.model}/train
      outs:
        - models/CenterPoint/${item.model}/evaluate
  export:
    foreach: ${models}
    do:
      cmd: PYTHON stage.py export ${item.model} base
      deps:
        - stage.py
        - models/CenterPoint/${item.model}/train
      outs:
        - models/CenterPoint/${item.model}/export
""".replace("PYTHON", sys.executable)

CONFIG = """\
[core]
    remote = store
    analytics = false
    check_update = false
    autostage = true
['remote "store"']
    url = {url}/dvc
    verify = true
['remote "zoo"']
    url = {url}/autoware-ml
"""

FILES = 10  # files of one model version
NAME = "CenterPoint/t4base@v1.0.0"
FOLDER = "models/CenterPoint/t4base/v1.0.0"


@dataclass(frozen=True)
class Result:
    """What a command did."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Repository:
    """root: the working tree. url: `s3://bucket/prefix`, above the store and the zoo."""

    root: Path
    url: str

    @property
    def bucket(self) -> str:
        return self.url.removeprefix("s3://").partition("/")[0]

    @property
    def zoo(self) -> str:
        return f"{self.url}/autoware-ml"

    def run(self, *command: str, check: bool = True) -> Result:
        """Run a command here; an unexpected failure shows its own words."""
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True)
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return Result(done.returncode, done.stdout, done.stderr)

    def t4zoo(self, *arguments: str, check: bool = True) -> Result:
        return self.run(sys.executable, "-m", "t4zoo", *arguments, check=check)

    def dvc(self, *arguments: str, check: bool = True) -> Result:
        return self.run(sys.executable, "-m", "dvc", *arguments, check=check)

    def git(self, *arguments: str) -> str:
        return self.run("git", *arguments).out.strip()

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def params(self, seed: int = 1, **parents: str) -> None:
        """params.yaml (JSON is YAML too) for these models: name -> parent."""
        models = {
            f"CenterPoint-{model}": {
                **{"algorithm": "CenterPoint", "model": model, "product": "base", "parent": parent},
                "kind": "base",
            }
            for model, parent in (parents or {"t4base": "conf/parents/scratch.yaml"}).items()
        }
        self.write("params.yaml", json.dumps({"seed": seed, "models": models}, indent=1))
        self.write("dvc.yaml", DVC)

    def build(self, message: str = "Train", push: bool = True) -> None:
        """`dvc repro`, commit, `dvc push`."""
        self.dvc("repro")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        if push:
            self.dvc("push")


def make(root: Path, url: str) -> Repository:
    """A repository whose one model is trained, committed and pushed."""
    repository = Repository(root, url)
    root.mkdir(parents=True)
    repository.git("init", "--quiet", "--initial-branch=main")
    repository.write(".dvc/config", CONFIG.format(url=url))
    repository.write(".dvc/.gitignore", "/config.local\n/tmp\n/cache\n")
    repository.write(".gitignore", "/info/\n/models/\n__pycache__/\n")
    repository.write("stage.py", STAGE)
    repository.write("conf/parents/scratch.yaml", "checkpoint: null\n")
    repository.write("requirements.lock", "# pinned\nTorch==2.13.0\nnumpy==2.4.0 ; python_version > '3.10'\n")
    repository.params()
    repository.build("Train t4base")
    return repository


def copy(repository: Repository, root: Path, url: str, client: Any) -> Repository:
    """The same repository at another place and with another folder in S3, for a test that spoils it."""
    shutil.copytree(repository.root, root, symlinks=True)
    copy_objects(repository.url, url, client)
    other = Repository(root, url)
    other.write(".dvc/config", CONFIG.format(url=url))
    # The commit is made anew rather than added, so that the history is as short as in the original.
    other.git("commit", "--quiet", "--all", "--amend", "--no-edit")
    return other


def copy_objects(source: str, target: str, client: Any) -> None:
    """All objects below one `s3://bucket/prefix` to another in the same bucket."""
    bucket, _, old = source.removeprefix("s3://").partition("/")
    new = target.removeprefix("s3://").partition("/")[2]
    for item in client.list_objects_v2(Bucket=bucket, Prefix=f"{old}/")["Contents"]:
        key = new + item["Key"].removeprefix(old)
        client.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": item["Key"]})


def forget_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name and no mail for git, and no guess from the machine's name either."""
    for variable in ("GIT_AUTHOR", "GIT_COMMITTER"):
        monkeypatch.delenv(f"{variable}_NAME")
        monkeypatch.delenv(f"{variable}_EMAIL")
    for key, value in (("COUNT", "1"), ("KEY_0", "user.useConfigOnly"), ("VALUE_0", "true")):
        monkeypatch.setenv(f"GIT_CONFIG_{key}", value)
