"""What is kept of a run that was stopped, and when it is of no use any more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from t4zoo.errors import UsageError
from t4zoo.models.common.processes import Processes
from t4zoo.predict import parts as module
from t4zoo.predict.parts import Parts
from tests.pipeline import ROOT
from tests.predict.scenes import CLASSES, make_folders, predict

MADE_OF = {"the checkpoint": "abc", "min_score": "0.05"}


class StoppedError(Exception):
    """What ends a run on its way."""


def start(root: Path, folders: tuple[Path, ...], made_of: dict[str, str] = MADE_OF, choice: str = "auto") -> Parts:
    return Parts(root / "raw.pkl", folders, made_of, choice, Processes())


def stopped_after(count: int, root: Path, folders: tuple[Path, ...], choice: str = "auto") -> None:
    with pytest.raises(StoppedError), (parts := start(root, folders, choice=choice)).held():
        for folder in folders[:count]:
            parts.put(folder, CLASSES, *predict(folder))
        raise StoppedError


def missing(parts: Parts) -> str:
    with parts.held():
        return "".join(folder.name for folder in parts.missing)


def test_what_was_put_comes_back_in_the_order_of_the_scenes(tmp_path: Path):
    folders = make_folders(tmp_path, "abc")
    with (parts := start(tmp_path, folders)).held():
        assert parts.missing == folders
        for folder in reversed(folders):
            parts.put(folder, CLASSES, *predict(folder))
        for (frames, boxes), folder in zip(parts, folders, strict=True):
            expected, table = predict(folder)
            assert [frame.token for frame in frames] == [frame.token for frame in expected]
            assert np.allclose(boxes.boxes, table.boxes, atol=1e-9, rtol=0) and (boxes.ids == table.ids).all()
    assert not parts.folder.exists()


def test_a_run_that_was_stopped_goes_on_with_what_is_missing(tmp_path: Path, capsys):
    folders = make_folders(tmp_path, "abc")
    stopped_after(2, tmp_path, folders)
    assert "goes on from" in (said := capsys.readouterr().out) and "2 of 3 scenes" in said
    parts = start(tmp_path, folders)
    assert missing(parts) == "c"
    assert parts.notes == [f"goes on: 2 of 3 scenes are taken from {parts.folder}"]


def test_a_run_that_was_stopped_before_its_first_scene_leaves_nothing(tmp_path: Path):
    folders = make_folders(tmp_path, "ab")
    stopped_after(0, tmp_path, folders)
    assert [path.name for path in tmp_path.iterdir()] == ["raw_v1"]


@pytest.mark.parametrize(
    ("made_of", "told"),
    [
        ({**MADE_OF, "the checkpoint": "def"}, "the checkpoint changed"),
        ({**MADE_OF, "min_score": "0.1", "precision": "float16"}, "min_score, precision changed"),
        ({"the checkpoint": "abc"}, "min_score changed"),
    ],
)
def test_another_checkpoint_or_setting_begins_anew_and_says_which(tmp_path: Path, made_of: dict[str, str], told: str):
    folders = make_folders(tmp_path, "abc")
    stopped_after(2, tmp_path, folders)
    parts = start(tmp_path, folders, made_of)
    assert missing(parts) == "abc"
    assert told in " ".join(parts.notes)


def test_a_scene_that_changed_is_predicted_anew_and_no_other(tmp_path: Path):
    folders = make_folders(tmp_path, "abc")
    stopped_after(2, tmp_path, folders)
    (folders[0] / "cloud.bin").write_bytes(b"other points")
    parts = start(tmp_path, folders)
    assert missing(parts) == "ac"
    assert "the scene a changed" in " ".join(parts.notes)


def test_a_scene_that_is_gone_or_new_does_not_matter_to_the_others(tmp_path: Path):
    a, b, c = make_folders(tmp_path, "abc")
    stopped_after(2, tmp_path, (a, b))
    with (parts := start(tmp_path, (b, c))).held():
        assert parts.missing == (c,)
        parts.put(c, CLASSES, *predict(c))
        assert [frames[0].scene for frames, _ in parts] == ["b/0", "c/0"]


def test_other_code_begins_anew_and_names_the_module(tmp_path: Path):
    """Two processes with a library of their own, whose source is edited in between."""
    library = tmp_path / "library"
    (library / "t4zoo").mkdir(parents=True)
    for path in (ROOT / "t4zoo").rglob("*.py"):
        copy = library / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text())
    folders = make_folders(tmp_path, "ab")
    program = (
        "import sys; from pathlib import Path; from tests.predict.test_parts import *; root = Path(sys.argv[1]);"
        "folders = tuple(sorted((root / 'raw_v1').iterdir()));"
        "parts = start(root, folders);"
        "stopped_after(1, root, folders) if sys.argv[2] == 'first' else print(missing(parts), parts.notes)"
    )

    def run(what: str) -> str:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{library}:{ROOT}"}
        command = [sys.executable, "-P", "-c", program, str(tmp_path), what]
        return subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True).stdout

    assert folders and "1 of 2 scenes" in run("first")
    edited = library / "t4zoo" / "info.py"
    edited.write_text(edited.read_text() + "\n# edited\n")
    said = run("second")
    assert said.startswith("ab [") and "t4zoo.info changed" in said


def test_never_neither_reads_nor_leaves_anything(tmp_path: Path):
    folders = make_folders(tmp_path, "ab")
    stopped_after(1, tmp_path, folders)
    assert (tmp_path / ".raw.unfinished" / "a.parquet").exists()
    stopped_after(1, tmp_path, folders, choice="never")
    assert not (tmp_path / ".raw.unfinished").exists()


@pytest.mark.parametrize("content", [b"", b"no parquet"])
def test_a_broken_part_is_predicted_anew(tmp_path: Path, content: bytes):
    folders = make_folders(tmp_path, "ab")
    stopped_after(1, tmp_path, folders)
    (tmp_path / ".raw.unfinished" / "a.parquet").write_bytes(content)
    parts = start(tmp_path, folders)
    assert missing(parts) == "ab"
    assert "a.parquet, which is broken, changed" in " ".join(parts.notes)


def test_a_part_that_was_being_written_when_the_run_was_killed_is_cleared_away(tmp_path: Path):
    folders = make_folders(tmp_path, "ab")
    stopped_after(1, tmp_path, folders)
    half = tmp_path / ".raw.unfinished" / ".b.parquet.x1"
    half.write_bytes(b"half")
    with start(tmp_path, folders).held():
        assert not half.exists()


def test_a_second_run_of_the_same_out_is_refused_while_the_first_is_at_work(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    folders = make_folders(tmp_path, "ab")
    with (first := start(tmp_path, folders)).held():
        first.put(folders[0], CLASSES, *predict(folders[0]))
        with pytest.raises(UsageError, match="another run is at work"), start(tmp_path, folders).held():
            pass
        assert first.done == 1


@pytest.mark.parametrize(
    ("out", "choice", "told"), [("raw.pkl", "always", "resume is"), ("raw", "auto", "end in .pkl")]
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, out: str, choice: str, told: str):
    with pytest.raises(UsageError, match=told):
        Parts(tmp_path / out, (), MADE_OF, choice, Processes())
