"""Pieces go through DVC's store: what another machine pulls, it need not make."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.t4.scenes import GIVEN, ROOT, write_list
from tests.t4.test_pieces import digests, workspace_in

OUTS = ("info_train.pkl", "info_val.pkl", "info_test.pkl", "pieces.json", "statistics.json")
STAGE = """
stages:
  create_info:
    cmd: >-
      python -m stages.create_info data_root=data dataset_lists=lists out=info/base workers=1 check=[]
      'product.datasets=[{{name: db_given_v1, sample_steps: 1}}]'
    deps: [data, lists]
    outs: [{}]
"""


def test_one_more_scene_is_all_that_is_made_where_info_files_were_pulled(tmp_path: Path):
    one, other = tmp_path / "one", tmp_path / "other"
    workspace_in(one)
    outs = ", ".join(f"{{info/base/{name}: {{persist: true}}}}" for name in OUTS)
    (one / "dvc.yaml").write_text(STAGE.format(outs))
    (one / ".gitignore").write_text("/data\n/info\n/.t4zoo\n")
    in_(one, "git", "init", "-q")
    in_(one, "dvc", "init", "-q")
    in_(one, "dvc", "remote", "add", "-q", "-d", "store", str(tmp_path / "store"))
    in_(one, "dvc", "repro", "-q")
    in_(one, "dvc", "push", "-q")
    in_(one, "git", "add", "-A")
    in_(one, "git", "commit", "-qm", "one")

    in_(tmp_path, "git", "clone", "-q", str(one), str(other))
    shutil.copytree(one / "data", other / "data")
    in_(other, "dvc", "pull", "-q")
    assert digests(other / "info/base").items() <= digests(one / "info/base").items()
    assert sorted(digests(other / "info/base")) == sorted(OUTS)
    shutil.copytree(GIVEN / "synth_1", other / "data/db_given_v1/synth_3")
    write_list(other / "lists", "db_given_v1", train=["synth_1/0", "synth_3/0"], test=["synth_2/0"])
    in_(other, "dvc", "repro", "-q")
    made = [json.loads(path.open("rb").readline()) for path in (other / ".t4zoo/scenes").glob("??/*")]
    assert [piece["count"]["scene"] for piece in made] == ["synth_3/0"]
    assert len(json.loads((other / "info/base/statistics.json").read_text())["train"]["scenes"]) == 2
    in_(other, "dvc", "push", "-q")


def in_(folder: Path, *command: str) -> None:
    path = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    identity = {f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    variables = {**os.environ, **path, **identity, "OMP_NUM_THREADS": "1", "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
