"""Whatever stands in a dataset list, in waivers or in a label map, it is read or refused: soon, in few words."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from t4zoo.errors import T4zooError, UsageError
from t4zoo.t4.check.waivers import FORM, read_waivers
from t4zoo.t4.dataset_list import read_dataset_list
from t4zoo.t4.labels import read_labels
from t4zoo.yaml_text import MOST_BYTES, brief
from tests.t4.fuzzing import QUIET, values
from tests.t4.scenes import ROOT

LABELS = yaml.safe_load((ROOT / "conf/labels/t4.yaml").read_text())
CLASSES = yaml.safe_load((ROOT / "conf/product/base.yaml").read_text())["class_names"]
BOMB = 'bomb: [&a ["ha", "ha"]' + "".join(
    f", &{new} [{', '.join([f'*{old}'] * 10)}]" for old, new in zip("abcdefghijk", "bcdefghijkl", strict=True)
) + "]\n"  # fmt: skip
ENTRY = "{scene: a/0, rules: [CNT004], reason: x}"
TEXTS = {
    "aliases": BOMB + "version: 1\ntrain: [*l]\ndataset_version: *l\nwaivers: [*l]\n",
    "aliases in an entry": BOMB
    + "version: 1\ntrain: [a]\ndata_of: *l\nwaivers: [{scene: a/0, rules: *l, reason: x}]\n",
    "aliases in a step": BOMB + "version: 1\ntrain: [a]\nsample_steps: *l\nwaivers: *l\n",
    "aliases in a version": BOMB + "version: 1\ntrain: [a]\ndataset_version: *l\nwaivers: {a: *l}\n",
    "a list in itself": "version: 1\ntrain: &a [*a]\nwaivers: &b [*b]\n",
    "nested": "version: 1\ntrain: " + "[" * 5_000 + "]" * 5_000 + "\nwaivers: " + "[" * 5_000 + "]" * 5_000,
    "nested a little": "version: 1\ntrain: [" + "[" * 60 + "]" * 60 + "]\nwaivers: [" + "[" * 60 + "]" * 60 + "]",
    "an empty number": 'version: !!int ""\n',
    "a truth that is none": "version: !!bool x\n",
    "a time that is none": "version: !!timestamp x\n",
    "code": "version: !!python/object/apply:os.system [id]\n",
    "a long number": f"version: 1\ntrain: [{'9' * 10_000}]\nwaivers: [{'9' * 10_000}]\n",
    "a list as a key": "version: 1\n? [a]\n: b\nwaivers: [{? [a] : b}]\n",
    "a rule that is a list": f"version: 1\ntrain: [[a]]\nwaivers: [{ENTRY.replace('CNT004', '[CNT004]')}]\n",
    "no text": "\0\x01\x02",
    "large": "version: 1\n#" + "x" * MOST_BYTES,
}
CHILD = """
import sys
from pathlib import Path
from tests.t4.test_yaml_fuzz import judged
print(*[len(judged(Path(name))) for name in sys.argv[1:]])
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
assert int(status["VmHWM"].split()[0]) < 2**20, status["VmHWM"]
"""


def judged(path: Path) -> list[str]:
    """What reading it as a dataset list and as waivers says."""
    said = []
    for read in (lambda: read_dataset_list(path.parent, path.stem), lambda: read_waivers(path)):
        try:
            read()
        except UsageError as error:
            said.append(str(error))
            assert path.name in said[-1] and len(said[-1]) < 3_000, said[-1][:500]
    return said


def test_hostile_yaml_is_refused_at_once_and_in_few_words(tmp_path: Path):
    paths = []
    for number, text in enumerate(TEXTS.values()):
        paths.append(tmp_path / f"list_{number}.yaml")
        paths[-1].write_text(text)
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    others = [tmp_path / f"{name}.yaml" for name in ("pipe", "folder", "loop", "zero")]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *map(str, (*paths, *others))], cwd=ROOT, capture_output=True, text=True,
        check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2_000:]
    assert min(map(int, done.stdout.split())) >= 1


@settings(QUIET, max_examples=150)
@given(content=st.binary(max_size=80) | st.text(max_size=80).map(lambda text: text.encode()) | values(["a/0"]).map(
    lambda value: yaml.safe_dump({"version": 1, "train": value, "waivers": value}, allow_unicode=True).encode()
))  # fmt: skip
def test_any_bytes_are_a_list_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    judged(path)


@settings(QUIET, max_examples=150)
@given(key=st.sampled_from(["scene", "rules", "reason"]), value=values(["CNT004"]))
def test_any_value_in_a_waiver_is_taken_or_refused(tmp_path_factory: pytest.TempPathFactory, key: str, value: object):
    path = tmp_path_factory.getbasetemp() / "waivers.yaml"
    entry = {"scene": "a/0", "rules": ["CNT004"], "reason": "right"} | {key: value}
    path.write_text(yaml.safe_dump({"waivers": [entry]}))
    try:
        (waiver,) = read_waivers(path)
        assert (waiver.scene, list(waiver.rules), waiver.reason) == (
            entry["scene"],
            entry["rules"],
            entry["reason"].strip(),
        )
    except UsageError as error:
        assert "waivers" in str(error)


@settings(QUIET, max_examples=200)
@given(key=st.sampled_from(sorted(LABELS)), value=values(["car"]))
def test_any_value_in_a_label_map_is_taken_or_refused(key: str, value: object):
    try:
        read_labels(LABELS | {key: value}, CLASSES)
    except T4zooError as error:
        assert len(str(error)) < 1_000


def test_a_value_in_a_message_is_short_and_an_ordinary_one_whole():
    assert brief("a/0/b") == "'a/0/b'" and brief(FORM) == repr(FORM)
    assert len(brief(yaml.safe_load(BOMB))) < 2_000
