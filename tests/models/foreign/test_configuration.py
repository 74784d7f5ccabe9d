"""A configuration file of this machine, and what is merged over it."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config

from t4zoo.errors import UsageError
from t4zoo.models.foreign.configuration import Source, class_names, max_sweeps, read, takes_points

ELSEWHERE = Path(__file__).parent / "elsewhere"
TINY = ELSEWHERE / "configs" / "parrot" / "tiny.py"


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(str(ELSEWHERE))


def no_fetch(reference):
    raise AssertionError(f"{reference} should be found on this machine")


def of(path: Path | str, **overrides) -> Config:
    return read(Source(str(path), overrides=overrides), no_fetch)[0]


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.py"
    path.write_text(text)
    return path


def test_inheritance_imports_and_scope_are_those_of_the_file():
    config = of(TINY)
    assert config.default_scope == "parrot"
    from mmengine.registry import MODELS

    assert MODELS.get("parrot.Parrot").__module__ == "parrot.model"
    assert class_names(config) == ("car", "truck", "bus", "bicycle", "pedestrian")
    assert takes_points(config) and max_sweeps(config) == 0


def test_a_file_in_the_newer_style_of_mmengine_is_read_too(tmp_path):
    (tmp_path / "base.py").write_text("from torch.nn import Linear\nmodel = dict(type=Linear, in_features=2)\n")
    lines = ("from mmengine.config import read_base", "with read_base():", "    from .base import *")
    path = written(tmp_path, "\n".join([*lines, "model.update(out_features=3)", ""]))
    config = of(path)
    assert config.model.in_features == 2 and config.model.out_features == 3
    assert config.to_dict()["model"]["type"] == "torch.nn.Linear"


@pytest.mark.parametrize(
    "overrides",
    [
        {"model.head.cells": 4, "custom_hooks.0.momentum": 0.25},
        {"model": {"head": {"cells": 4}}, "custom_hooks": {"0": {"momentum": 0.25}}},
    ],
)
def test_overrides_are_merged_over_the_file_with_dots_or_nested(overrides):
    config = of(TINY, **overrides)
    assert config.model.head == {"type": "Echo", "cells": 4, "classes": 5}
    assert config.custom_hooks == [{"type": "EMAHook", "momentum": 0.25}]


def test_a_part_is_replaced_whole_by_delete():
    head = {"_delete_": True, "type": "Other"}
    assert of(TINY, model={"head": head}).model == {"type": "Parrot", "head": {"type": "Other"}}
    assert head["_delete_"]  # the caller's own values stay as they are


def test_a_key_that_the_file_does_not_have_is_told_since_it_may_be_misspelt():
    overrides = {
        "model": {"head": {"cels": 4, "cells": 5}},
        "train_cfg.max_epochs": 1,
        "new": {"_delete_": True, "a": 1},
    }
    _, added = read(Source(str(TINY), overrides=overrides), no_fetch)
    assert added == ["model.head.cels", "new"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model = dict(type='A'\n", "SyntaxError"),
        ("raise RuntimeError('two\\nlines')\n", "RuntimeError: two lines"),
        ("_base_ = 'none.py'\n", r"none\.py"),
        ("train_cfg = dict()\n", "has no `model`"),
        ("model = dict()\ncustom_imports = dict(imports='nowhere_at_all')\n", r"PYTHONPATH"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line_with_its_name(tmp_path, text, said):
    path = written(tmp_path, text)
    with pytest.raises(UsageError, match=said) as told:
        of(path)
    assert str(path) in str(told.value) and "\n" not in str(told.value)


def test_a_missing_file_and_a_missing_package_are_named(tmp_path):
    with pytest.raises(UsageError, match=r"none\.py: no such configuration file"):
        of(tmp_path / "none.py")
    with pytest.raises(UsageError, match=r"nowhere_at_all is not installed here; docs/mmdet3d\.md"):
        of("nowhere_at_all::centerpoint/x.py")


def test_overrides_that_do_not_fit_are_named():
    with pytest.raises(UsageError, match=r"foreign\.overrides do not fit .*tiny\.py"):
        of(TINY, **{"custom_hooks.7.momentum": 1})


def test_what_wraps_a_dataset_hides_no_classes():
    inner = {"type": "T", "metainfo": {"classes": ("car", "bus")}, "pipeline": [{"type": "X", "sweeps_num": 3}]}
    for outer in ({"type": "CBGSDataset", "dataset": inner}, {"type": "ConcatDataset", "datasets": [inner]}):
        config = Config({"model": {}, "test_dataloader": {"dataset": outer}})
        assert class_names(config) == ("car", "bus") and max_sweeps(config) == 3
        assert not takes_points(config)
