"""Where versions lie: the layout of the specification, or the one that a repository chooses."""

from __future__ import annotations

from pathlib import Path

import pytest

from t4zoo.zoo.layout import Layout, LayoutError, load_layout
from t4zoo.zoo.version import parse_name

ROOT = Path(__file__).resolve().parents[2]
NAME = parse_name("TransFusion/t4x2-50m@v1.1.0")


def choose(folder: Path, params: str, storage: str = "") -> Path:
    (folder / "conf/storage").mkdir(parents=True)
    (folder / "params.yaml").write_text(params)
    if storage:
        (folder / "conf/storage/mine.yaml").write_text(storage)
    return folder


def test_the_layout_is_the_specifications_with_and_without_this_repository() -> None:
    for layout in (load_layout(None), load_layout(ROOT)):
        assert layout.folder(NAME) == "models/TransFusion/t4x2-50m/v1.1.0"
        assert layout.folder(parse_name("info@v0.3.0")) == "info/v0.3.0"
        assert layout.folder(parse_name("auto_label/20241101_xx1")) == "auto_label/20241101_xx1"
        assert layout.roots() == ["auto_label", "info", "models"]
        assert layout.series_root("TransFusion/t4base") == "models/TransFusion/t4base"
        assert (
            layout.series_root("info") == "info"
            and layout.series_root("auto_label/20241101_xx1") == "auto_label/20241101_xx1"
        )


def test_a_folder_gives_back_the_version_that_it_is_of() -> None:
    layout = load_layout(None)
    for name in (NAME, parse_name("info@v0.3.0"), parse_name("auto_label/20241101_xx1")):
        assert layout.name_of(layout.folder(name)) == name
    for folder in ("info/v0.3.0/base", "info/v0.3.0-release", "auto_label/xx1", "auto_label/20241101_xx1/raw"):
        assert layout.name_of(folder) is None
    for folder in ("models/a/b", "models/a/b/c", "models/a/b/v1.0.0/plots", "other/a/b/v1.0.0", "models/a/b c/v1.0.0"):
        assert layout.name_of(folder) is None


def test_a_repository_can_choose_a_layout_with_a_level_more(tmp_path: Path) -> None:
    text = "models: models/{algorithm}/lidar/{model}/{version}\ninfo: info/{version}\nauto_label: al/{set}\n"
    layout = load_layout(choose(tmp_path, "storage: mine\n", text))
    assert layout.folder(NAME) == "models/TransFusion/lidar/t4x2-50m/v1.1.0"
    assert layout.name_of("models/TransFusion/lidar/t4x2-50m/v1.1.0") == NAME
    assert layout.roots() == ["al", "info", "models"]
    assert layout.series_root("TransFusion/t4base") == "models/TransFusion/lidar/t4base"
    assert Layout("{algorithm}/{model}/{version}", "i/{version}", "a/{set}").roots() == ["", "a", "i"]


@pytest.mark.parametrize(
    ("params", "storage", "words"),
    [
        ("storage: other\n", "", "no .*other.yaml"),
        ("storage: mine\n", "layout: tier4\n", "only layout that is shipped"),
        ("storage: mine\n", "models: models/{algorithm}/{version}\n", "{algorithm}, {model}, {version} once"),
        ("storage: mine\n", "models: /models/{algorithm}/{model}/{version}\n", "slashes"),
        ("storage: mine\n", "[", "not YAML"),
    ],
)
def test_a_layout_that_cannot_be_used_is_named(tmp_path: Path, params: str, storage: str, words: str) -> None:
    with pytest.raises(LayoutError, match=words):
        load_layout(choose(tmp_path, params, storage))


@pytest.mark.parametrize("content", [b"models: m/{algorithm", b"models: {", b"\xff\xfe"])
def test_a_layout_that_cannot_be_read_is_named(tmp_path, content):
    (tmp_path / "conf" / "storage").mkdir(parents=True)
    (tmp_path / "params.yaml").write_text("storage: mine")
    (tmp_path / "conf" / "storage" / "mine.yaml").write_bytes(content)
    with pytest.raises(LayoutError, match=r"mine\.yaml: ") as error:
        load_layout(tmp_path)
    assert "\n" not in str(error.value)
