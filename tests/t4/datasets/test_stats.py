"""How much is counted where: by hand, against the info files, through DVC and on the command line."""

import csv
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml

from t4zoo.errors import T4zooError
from t4zoo.info import Frame, Info, Instances, load, save
from t4zoo.t4.convert import Sources, create_info
from t4zoo.t4.datasets.charts import chart
from t4zoo.t4.datasets.counting import POINT_EDGES, POINTS, RANGE_EDGES, RANGES, count_objects
from t4zoo.t4.datasets.statistics import as_dict, parse_counted, read_counted
from tests.pipeline import ROOT
from tests.t4.datasets.repository import NAME, Repository

LABELS = yaml.safe_load((ROOT / "conf/labels/t4.yaml").read_text())
PRODUCT = yaml.safe_load((ROOT / "conf/product/base.yaml").read_text())
SPLITS = ("train", "val", "test")


def convert(repository: Repository, **changes) -> dict:
    product = PRODUCT | {"datasets": [{"name": NAME, "sample_steps": 1}]} | changes
    sources = Sources(repository.data, repository.root / "conf/dataset")
    return create_info(product, LABELS, sources, repository.root / "info/base", 50.0)


def frame(boxes: list[tuple[float, float]], points: list[int], labels: list[int], mount: float = 0.0) -> Frame:
    """Boxes at x, y of a lidar that is `mount` metres in front of the ego."""
    none = np.zeros(len(boxes), dtype=np.int64)
    rows = np.array([[x, y, 0, 4, 2, 2, 0] for x, y in boxes], dtype=np.float64).reshape(-1, 7)
    instances = Instances(
        rows, np.zeros((len(boxes), 2)), np.array(labels, dtype=np.int64), np.array(points, dtype=np.int64), none,
        ("car",) * len(boxes), ((),) * len(boxes),
    )  # fmt: skip
    lidar2ego = np.eye(4)
    lidar2ego[0, 3] = mount
    return Frame(0, "t", 0.0, "s/0", "s", "s", "here", "db/s/0/data/x.bin", 5, lidar2ego, np.eye(4), (), instances)


def test_boxes_are_counted_in_the_band_that_they_begin():
    table = count_objects([frame([(0, 0), (12, 16), (0, 39.9), (40, 0), (300, 0)], [0, 1, 4, 5, 9999], [0] * 5)], 1)
    assert [tuple(map(int, place)) for place in np.argwhere(table)] == [(0, 0, 0), (0, 1, 1), (0, 2, 2), (0, 5, 6)]
    assert table[0, 1, 1] == 2


def test_distance_is_from_the_ego_and_not_from_the_lidar():
    (band,) = np.argwhere(count_objects([frame([(19.5, 0)], [7], [0], mount=1.0)], 1))[:, 1]
    assert RANGES[band] == "20-40"


def test_ignored_boxes_are_no_objects_and_broken_counts_of_points_are_none():
    table = count_objects([frame([(1, 0), (1, 0)], [3, -1], [-1, 1])], 2)
    assert table.sum() == 1 and table[1, 0, 0] == 1


def test_names_of_bands_say_what_their_edges_are():
    for names, edges in ((RANGES, RANGE_EDGES), (POINTS, POINT_EDGES)):
        assert [int(name.rstrip("+").split("-")[0]) for name in names] == list(edges)
    ends = [int(name.rstrip("+").split("-")[-1]) for name in POINTS]
    assert ends == [edge - 1 for edge in POINT_EDGES[1:]] + [POINT_EDGES[-1]]


def test_each_object_of_the_info_files_is_in_one_line(repository: Repository):
    statistics = convert(repository)
    counted = as_dict(read_counted(repository.root, "info/base"))
    for split in SPLITS:
        frames = load(repository.root / f"info/base/info_{split}.pkl").frames
        part = counted["splits"][split]
        assert (part["frames"], part["scenes"]) == (len(frames), len(repository.scenes[split]))
        assert part["points"] == statistics[split]["points"]
        for label, name in enumerate(PRODUCT["class_names"]):
            rows = [(one, row) for one in frames for row in np.flatnonzero(one.instances.labels == label)]
            points = [one.instances.num_lidar_pts[row] for one, row in rows]
            centres = [one.lidar2ego @ [*one.instances.boxes[row, :3], 1.0] for one, row in rows]
            distances = [float(np.linalg.norm(centre[:2])) for centre in centres]
            for values, edges, key in (
                (points, POINT_EDGES, "objects_by_points"), (distances, RANGE_EDGES, "objects_by_range"),
            ):  # fmt: skip
                by_hand = np.histogram(values, bins=[*edges, np.inf])[0].tolist()
                assert list(part[key][name].values()) == by_hand
            assert part["objects"][name] == len(rows) == statistics[split]["objects"][name]
    by_scene = {row["scene"]: row for row in counted["scenes"]}
    assert sorted(by_scene) == sorted(scene for split in repository.scenes.values() for scene in split)
    assert sum(row["objects"]["car"] for row in by_scene.values()) == sum(
        statistics[split]["objects"]["car"] for split in SPLITS
    )


def test_two_datasets_of_a_product_are_told_apart(repository: Repository):
    shutil.move(repository.data / NAME, repository.data / "db_other_v1")
    (repository.data / NAME).mkdir()
    repository.scene("val", name="db_other_v1").parent.rename(repository.data / NAME / repository.scenes["val"][0][:-2])
    repository.list("db_other_v1", train=repository.scenes["train"], test=repository.scenes["test"])
    repository.list(NAME, val=repository.scenes["val"])
    entries = [{"name": name, "sample_steps": 1} for name in (NAME, "db_other_v1")]
    convert(repository, datasets=entries)
    repository.product("base", *entries)
    alone = repository.asked("stats", NAME)
    assert [alone["splits"][split]["scenes"] for split in SPLITS] == [0, 1, 0]
    other = repository.asked("stats", "db_other_v1")
    assert [other["splits"][split]["scenes"] for split in SPLITS] == [3, 0, 2]


def test_info_files_that_nobody_counted_are_counted_when_asked(repository: Repository):
    convert(repository)
    before = as_dict(read_counted(repository.root, "info/base"))
    for name in ("objects.csv", "scenes.csv"):
        (repository.root / "info/base" / name).unlink()
    after = as_dict(read_counted(repository.root, "info/base"))
    assert after["splits"]["train"]["points"] is None  # the clouds are not asked for
    for data in (before, after):
        for part in (*data["splits"].values(), *data["scenes"]):
            part.pop("points")
    assert before == after


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("objects.csv", ""),
        ("objects.csv", "split,dataset,class,range_from,points_from,objects\ntrain,db,car,far,0,1\n"),
        ("objects.csv", "split,dataset,class,range_from,points_from,objects\ntrain,db\n"),
        ("scenes.csv", "scene\nx\n"),
        ("scenes.csv", "split,dataset,scene,frames,points,car\ntrain,db,s,many,1,1\n"),
    ],
)
def test_what_create_info_did_not_write_is_refused(repository: Repository, name: str, text: str):
    convert(repository)
    (repository.root / "info/base" / name).write_text(text)
    done = repository.run("stats", "base")
    assert done.returncode == 1 and "run create_info again" in done.stderr and "Traceback" not in done.stderr


def test_a_name_that_is_nothing_and_a_product_that_was_not_made_say_so(repository: Repository):
    unknown, unmade = repository.run("stats", "bsae"), repository.run("stats", "base")
    assert unknown.returncode == 2 and f"products: base; datasets that they take: {NAME}" in unknown.stderr
    assert unmade.returncode == 1 and "`dvc repro create_info@base` or `dvc pull`" in unmade.stderr
    assert repository.run("stats", NAME).returncode == 1


def test_tables_json_and_a_picture_of_the_same_bytes(repository: Repository, tmp_path: Path):
    convert(repository)
    done = repository.run("stats", "base", "--scenes", "--out", str(tmp_path / "a"))
    assert done.returncode == 0, done.stderr
    for words in ("OBJECTS BY DISTANCE", "OBJECTS BY LIDAR POINTS", *repository.scenes["train"]):
        assert words in done.stdout
    repository.run("stats", "base", "--out", str(tmp_path / "b"))
    for name in ("statistics.json", "objects.csv", "scenes.csv", "objects.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    for name in ("objects.csv", "scenes.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (repository.root / "info/base" / name).read_bytes()
    data = json.loads((tmp_path / "a" / "statistics.json").read_text())
    assert data == repository.asked("stats", "base")
    assert chart(data) == (tmp_path / "a" / "objects.png").read_bytes()
    data["splits"]["train"]["objects_by_range"]["car"]["0-20"] += 40
    assert chart(data) != (tmp_path / "a" / "objects.png").read_bytes()


def test_an_empty_product_is_drawn_and_told_as_empty():
    empty = as_dict(parse_counted("x", "split,dataset,class,range_from,points_from,objects\n",
                                  "split,dataset,scene,frames,points,car\n"))  # fmt: skip
    assert empty["splits"]["train"]["objects"] == {"car": 0}
    assert chart(empty).startswith(b"\x89PNG")


def test_dvc_shows_what_a_scene_less_changes(repository: Repository):
    convert(repository)
    shutil.copytree(ROOT / "conf/plots", repository.root / "conf/plots")
    repository.write(".dvc/config", "[core]\n    analytics = false\n")
    kept = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["create_info"]["do"]
    outs = {key: json.loads(json.dumps(kept[key]).replace("${key}", "base")) for key in ("outs", "metrics", "plots")}
    repository.write("dvc.yaml", {"stages": {"create_info": {"cmd": "true", **outs}}})

    def dvc(*arguments: str) -> str:
        return subprocess.run(
            ["dvc", *arguments], cwd=repository.root, check=True, capture_output=True, text=True
        ).stdout

    dvc("commit", "--force", "--quiet")
    repository.commit("made")
    repository.list(NAME, **repository.scenes | {"train": repository.scenes["train"][:2]})
    before = read_counted(repository.root, "info/base").scenes[2]
    convert(repository)
    dvc("commit", "--force", "--quiet")
    (changed,) = json.loads(dvc("metrics", "diff", "--json")).values()
    assert changed["train.frames"]["diff"] == -3
    assert changed["train.objects.car"]["diff"] == -int(before["car"])
    assert dvc("plots", "diff", "HEAD", "--json", "--targets", "info/base/objects.csv").count("workspace") > 1


def test_the_tables_are_plain_csv(repository: Repository):
    convert(repository)
    with (repository.root / "info/base/scenes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["scene"] for row in rows] == [scene for split in SPLITS for scene in repository.scenes[split]]


def test_an_info_file_of_no_frames_counts_nothing(tmp_path: Path):
    save(tmp_path / "base/info_train.pkl", Info(("car",), "base", ()))
    assert as_dict(read_counted(tmp_path, "base"))["splits"]["train"]["frames"] == 0


def test_a_missing_scene_stops_create_info_and_no_other_revision_takes_its_place(repository: Repository):
    scene = repository.scene("train")
    scene.rename(scene.parent / "1")
    shutil.copytree(scene.parent / "1", scene.parent / "12")
    with pytest.raises(T4zooError, match=f"{scene.parent.name}/0: not found: the revisions here are 1, 12; fetch"):
        convert(repository)
    assert not [path for path in repository.root.glob("info/**/*") if path.is_file()]
