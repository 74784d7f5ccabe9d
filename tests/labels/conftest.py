from pathlib import Path

import pytest

from tests.labels.workspace import SCENE, Row, write_ensemble, write_labels, write_raw, write_truth

# Ten cars are said, 20 m apart. The six of the truth are where the surest four, the sixth and the ninth stand.
SAID: list[Row] = [("car", 20.0 * i - 90.0, 3.0, round(0.95 - 0.05 * i, 2)) for i in range(10)]
RIGHT = (0, 1, 2, 3, 5, 8)
TRUE: list[Row] = [("car", SAID[i][1] + 0.7, 3.0, 1.0) for i in RIGHT] + [("car", 0.0, 80.0, 1.0)]


@pytest.fixture
def ten(tmp_path: Path) -> Path:
    """A repository with one frame, ten raw boxes, the eight of them above 0.55 as labels, and the truth."""
    folder = tmp_path / "auto_label" / "20241101_ten"
    write_raw(folder, {SCENE: [SAID]})
    write_labels(folder, {SCENE: [[row for row in SAID if row[3] >= 0.6]]})
    write_truth(tmp_path / "truth.pkl", {SCENE: [TRUE]})
    write_ensemble(tmp_path / "conf" / "ensemble" / "two.yaml")
    (tmp_path / "params.yaml").write_text("auto_labels:\n  20241101_ten: {raw: 20241101_ten, ensemble: two}\n")
    return tmp_path
