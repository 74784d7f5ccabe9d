"""docs/info_files.md: its commands, its questions and its tables, on a file that it could be about."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import duckdb
import pytest

from t4zoo import parquet
from t4zoo.parquet_columns import BOX, INSTANCE, SCHEMA
from tests.info_files.files import info, run, written

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "info_files.md").read_text()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_every_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for split in ("train", "val", "test"):
        written(tmp_path / "info" / "base" / f"info_{split}.pkl", info(version=split))
    (commands,) = blocks("sh")
    codes = {}
    for line in commands.replace("/tmp/", f"{tmp_path}/").splitlines():
        done = run(*line.removeprefix("t4zoo info ").split())
        assert "error" not in done.stderr
        codes[line.split()[2]] = done.returncode
    assert codes == {"show": 0, "diff": 1, "convert": 0}
    assert (tmp_path / "info_train.parquet").is_file()


def test_every_question_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    parquet.save(tmp_path / "info_train.parquet", info())
    (question,), (program,) = blocks("sql"), blocks("python")
    wanted = [("a/0", "car", 6), ("a/0", "truck", 3), ("b/1", "pedestrian", 1)]
    assert duckdb.sql(question).fetchall() == wanted
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        exec(program, {})
    assert "shape: (3, 3)" in shown.getvalue() and "pedestrian" in shown.getvalue()


def test_the_table_of_columns_has_every_column() -> None:
    table = TEXT[TEXT.index("| column |") : TEXT.index("Boxes are in the frame's")]
    told = set(re.findall(r"[a-z0-9_]+", " ".join(re.findall(r"`([^`]*)`", table))))
    assert {*SCHEMA.names, *(field.name for field in [*INSTANCE, *BOX])} <= told
