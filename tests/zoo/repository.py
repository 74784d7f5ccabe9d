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

from tests.forked import command as forked
from tests.zoo.bundle import write_bundle

STAGE = """\
# Writes what a stage of the pipeline would: python stage.py <stage> <what> <of what> <seed>
import json, random, shutil, sys
from pathlib import Path
from typing import Any

stage, name, of, seed = sys.argv[1:5]
scenes = json.loads(Path("params.yaml").read_text())["products"].get(name)  # of create_info
parent = Path(sys.argv[5]) if stage == "train" else Path()
read = [Path(f"info/{of}/info_train.pkl"), parent / "epoch_3.pth" if parent.is_dir() else parent]
learnt = [path.read_bytes() for path in read] if stage == "train" else ()
noise = random.Random(f"{seed} {name} {of} {stage} {scenes} {learnt}")


def write(path, content):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


if stage == "create_info":
    for split in scenes:
        write(f"info/{name}/info_{split}.pkl", noise.randbytes(100))
    statistics = {split: {"scenes": names, "frames": len(names)} for split, names in scenes.items()}
    write(f"info/{name}/statistics.json", json.dumps(statistics))
elif stage == "train":
    write(f"models/CenterPoint/{name}/train/epoch_3.pth", noise.randbytes(300_000))
    write(f"models/CenterPoint/{name}/train/config.py", f"model = {name!r}\\n")
    write(f"models/CenterPoint/{name}/train/train_log.log", "loss: 1\\nloss: 0.5\\n")
    write(f"models/CenterPoint/{name}/train/scalars.json", '{"loss": 0.5}\\n')
elif stage == "evaluate":
    write(f"models/CenterPoint/{name}/evaluate/metrics.json", '{"mAP": 0.75, "AP@2m": {"car": 0.9, "bus": NaN}}')
    write(f"models/CenterPoint/{name}/evaluate/plots/car.csv", "recall,precision\\n0,1\\n")
    write(f"models/CenterPoint/{name}/evaluate/test_log.log", "mAP 0.75\\n")
elif stage == "export":
    shutil.copytree("bundle", f"models/CenterPoint/{name}/export", dirs_exist_ok=True)
    package = Path(f"models/CenterPoint/{name}/export/ml_package.param.yaml")
    package.write_text(package.read_text().replace("yaw_norm_thresholds: [0.3", f"yaw_norm_thresholds: [{of}"))
elif stage == "predict":
    for suffix in ("pkl", "parquet"):
        write(f"auto_label/{of}/raw/pseudo_infos_raw_CenterPoint-{name}.{suffix}", noise.randbytes(500))
elif stage == "autolabel":
    threshold = Path(f"conf/ensemble/{of}.yaml").read_text()
    write(f"auto_label/{name}/info_all.pkl", threshold.encode() + noise.randbytes(200))
    write(f"auto_label/{name}/pseudo_infos_filtered.pkl", threshold)
    write(f"auto_label/{name}/dataset_id_list.yaml", "train: [p/0]\\nval: []\\ntest: [q/3]\\n")
    write(f"auto_label/{name}/log.log", "two scenes\\n")
"""

DVC = """\
stages:
  create_info:
    foreach: ${products}
    do:
      cmd: PYTHON stage.py create_info ${key} - ${seed}
      deps: [stage.py]
      params: ["products.${key}"]
      outs:
        - info/${key}/info_train.pkl
        - info/${key}/info_val.pkl
        - info/${key}/info_test.pkl
        - info/${key}/statistics.json
  train:
    foreach: ${models}
    do:
      cmd: PYTHON stage.py train ${item.model} ${item.product} ${item.seed} ${item.parent}
      deps:
        - stage.py
        - info/${item.product}/info_train.pkl
        - ${item.parent}
      outs:
        - models/CenterPoint/${item.model}/train
  evaluate:
    foreach: ${models}
    do:
      cmd: PYTHON stage.py evaluate ${item.model} ${item.product} ${item.seed}
      deps:
        - stage.py
        - info/${item.product}/info_test.pkl
        - models/CenterPoint/${item.model}/train
      outs:
        - models/CenterPoint/${item.model}/evaluate
  export:
    foreach: ${models}
    do:
      cmd: PYTHON stage.py export ${item.model} ${item.yaw} ${item.seed}
      deps:
        - stage.py
        - bundle
        - models/CenterPoint/${item.model}/train
      outs:
        - models/CenterPoint/${item.model}/export
  predict:
    foreach: ${predictions}
    do:
      cmd: PYTHON stage.py predict ${item.model} ${item.auto_label} ${seed}
      deps:
        - stage.py
        - models/CenterPoint/${item.model}/train
      outs:
        - auto_label/${item.auto_label}/raw/pseudo_infos_raw_CenterPoint-${item.model}.pkl
        - auto_label/${item.auto_label}/raw/pseudo_infos_raw_CenterPoint-${item.model}.parquet
  autolabel:
    foreach: ${auto_labels}
    do:
      cmd: PYTHON stage.py autolabel ${key} ${item.ensemble} ${seed}
      deps:
        - stage.py
        - auto_label/${item.raw}/raw
      params:
        - conf/ensemble/${item.ensemble}.yaml:
        - conf/tracking/${item.tracking}.yaml:
      outs:
        - auto_label/${key}/info_all.pkl
        - auto_label/${key}/pseudo_infos_filtered.pkl
        - auto_label/${key}/dataset_id_list.yaml
        - auto_label/${key}/log.log
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

FILES = 11  # files of one model version
NAME = "CenterPoint/t4base@v1.0.0"
FOLDER = "models/CenterPoint/t4base/v1.0.0"
SCRATCH = "conf/parents/scratch.yaml"
SCENES = {"train": ["a/0", "b/1"], "val": ["c/0"], "test": ["d/2"]}
KINDS = {"nuscenes": "public", "t4pretrain": "pretrain", "t4x2": "product", "t4x3": "product", "t4x2-50m": "variant"}


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
        return self._told(subprocess.run(command, cwd=self.root, capture_output=True, text=True), check)

    def t4zoo(self, *arguments: str, check: bool = True) -> Result:
        return self._told(forked.run("t4zoo", *arguments, cwd=self.root), check)

    def dvc(self, *arguments: str, check: bool = True) -> Result:
        return self._told(forked.run("dvc", *arguments, cwd=self.root), check)

    def _told(self, done: subprocess.CompletedProcess[str], check: bool) -> Result:
        assert not check or done.returncode == 0, f"{done.args}: {done.stdout}{done.stderr}"
        return Result(done.returncode, done.stdout, done.stderr)

    def git(self, *arguments: str) -> str:
        return self.run("git", *arguments).out.strip()

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def params(
        self,
        seed: int = 1,
        products: dict[str, dict[str, list[str]]] | None = None,
        predictions: dict[str, dict[str, str]] | None = None,
        auto_labels: dict[str, dict[str, str]] | None = None,
        autoware_ml: str = "v0.1.0",
        **models: str | dict[str, Any],
    ) -> None:
        """params.yaml (JSON is YAML too); models: name -> parent, or the fields of its entry that are its own."""
        entries = {name: {"parent": own} if isinstance(own, str) else own for name, own in models.items()}
        data = {
            "seed": seed,
            "autoware_ml": autoware_ml,
            "products": products or {"base": SCENES},
            "models": {
                f"CenterPoint-{name}": {
                    **{"algorithm": "CenterPoint", "model": name, "kind": KINDS.get(name, "base"), "product": "base"},
                    **{"parent": SCRATCH, "seed": seed, "yaw": 0.3, **own},
                }
                for name, own in (entries or {"t4base": {}}).items()
            },
            "predictions": predictions or {},
            "auto_labels": auto_labels or {},
        }
        self.write("params.yaml", json.dumps(data, indent=1))
        self.write("dvc.yaml", DVC)

    def build(self, message: str = "Train", push: bool = True, stages: tuple[str, ...] = ()) -> None:
        """`dvc repro`, commit, `dvc push`. stages: these and what they need, instead of all."""
        self.dvc("repro", *stages)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        if push:
            self.dvc("push")


def make(root: Path, url: str) -> Repository:
    """A repository whose one model is trained, committed and pushed."""
    repository = begin(root, url)
    repository.build("Train t4base")
    return repository


def begin(root: Path, url: str) -> Repository:
    """A repository of one model, in which nothing was run yet."""
    repository = Repository(root, url)
    root.mkdir(parents=True)
    repository.git("init", "--quiet", "--initial-branch=main")
    repository.write(".dvc/config", CONFIG.format(url=url))
    repository.write(".dvc/.gitignore", "/config.local\n/tmp\n/cache\n")
    repository.write(".gitignore", "/info/\n/models/\n/auto_label/\n__pycache__/\n")
    repository.write("stage.py", STAGE)
    repository.write(SCRATCH, "checkpoint: null\n")
    repository.write("conf/ensemble/half.yaml", "models: {CenterPoint-t4base: {car: 0.5}}\n")
    repository.write("conf/tracking/kalman.yaml", "method: kalman\ngates: {car: 12.0}\n")
    write_bundle(root / "bundle")
    repository.write("requirements.lock", "# pinned\nTorch==2.13.0\nnumpy==2.4.0 ; python_version > '3.10'\n")
    repository.params()
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
