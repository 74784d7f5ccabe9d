"""Pictures of frames: the same bytes whenever they are drawn, and other bytes when anything in them is other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

from t4zoo.boxes import BoxTable
from t4zoo.labels.drawing import drawn
from t4zoo.labels.picture import MOST_POINTS, picture
from t4zoo.labels.report import report
from t4zoo.labels.settings import Settings
from tests.labels.asking import asked
from tests.labels.workspace import CLASSES, Row, box, predictions

ROWS: list[Row] = [("car", 10.0, 5.0, 0.9, 0.5, 1.0), ("pedestrian", -3.0, 2.0, 0.4)]


def one(points: int = 1000, title: str = "a frame", missed: bool = False, ring: float = 9.0) -> bytes:
    cloud = np.random.default_rng(1).normal(0, 20, (points, 5)).astype(np.float32)
    boxes, truth = BoxTable.of([predictions(ROWS, "a")]), np.array([box(("car", 11.0, 5.0))])
    return picture(
        title, cloud, boxes, 0, CLASSES, ["a 0.90", "b 0.40"], [False, True], truth, [missed], [(0.0, 0.0, ring)]
    )


def test_a_picture_is_a_png_without_a_word_of_when_or_by_what_it_was_drawn() -> None:
    content = one()
    assert content.startswith(b"\x89PNG") and content == one()
    assert b"tEXt" not in content and b"Software" not in content and b"tIME" not in content


@pytest.mark.parametrize("change", [{"points": 900}, {"title": "another"}, {"missed": True}, {"ring": 7.0}])
def test_what_is_drawn_is_seen(change: dict[str, object]) -> None:
    assert one(**change) != one()  # type: ignore[arg-type]


def test_nobodys_own_style_changes_it() -> None:
    plain = one()
    with mpl.rc_context({"axes.facecolor": "red", "savefig.dpi": 30}):
        assert one() == plain


def test_a_cloud_of_any_size_is_drawn_of_so_many_points_at_most() -> None:
    assert one(points=3 * MOST_POINTS) == one(points=3 * MOST_POINTS)


def test_an_empty_frame_without_a_cloud_is_drawn_too() -> None:
    nothing = BoxTable.of([predictions([], "a")])
    assert picture("empty", None, nothing, 0, CLASSES, [], [], np.zeros((0, 7)), []).startswith(b"\x89PNG")


def test_each_frame_to_look_at_has_its_picture_and_they_are_the_same_twice(ten: Path) -> None:
    question = asked(ten)
    looks = report(question).looks
    first, second = (list(drawn(question, looks)) for _ in range(2))
    assert [name for name, _ in first] == ["pictures/01.png"] and first == second
    assert report(asked(ten, Settings(pictures=0))).looks == []


def test_drawing_needs_no_screen_and_no_torch(ten: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None; sys.argv[1:] = "
        f"['labels', 'report', {str(ten / 'auto_label' / '20241101_ten')!r}, '--out', {str(ten / 'out')!r}, '--json']\n"
        "from t4zoo.cli.main import main\ntry: main()\nexcept SystemExit as end: assert not end.code\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    env = {key: value for key, value in os.environ.items() if key != "DISPLAY"} | {"MPLBACKEND": "tkagg"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
