import math

import numpy as np
import pytest
import shapely
import torch

from t4zoo.augment.objects import cut_objects, inside
from t4zoo.augment.paste import Paste, overlaps
from t4zoo.errors import UsageError
from tests.augment.frames import BICYCLE, CAR, NO_MOVEMENT, frame, instances, training_frames

CAR_BOX = [5.0, 5.0, 0.0, 4.0, 2.0, 2.0, 0.4]
BICYCLE_BOX = [-5.0, -5.0, 0.0, 2.0, 0.8, 2.0, -0.4]
ANY = 100  # more than there are


def scenes(root, count=4):
    """One frame of a car alone, then frames of a bicycle, each where the others are not."""
    first = frame(root, "car", [CAR_BOX[:3], [20, 20, 0], [-5, -5, 0]], instances([CAR_BOX], [CAR]))
    others = []
    for i in range(count):
        box = [-5.0, -5.0 - 5 * i, 0.0, 2.0, 0.8, 2.0, -0.4]
        points = [box[:3], [box[0] + 0.1, box[1], 0.5], [20, 20, 0]]
        others.append(frame(root, f"bicycle{i}", points, instances([box], [BICYCLE])))
    return [first, *others]


def everywhere(boxes: np.ndarray) -> np.ndarray:
    return np.ones(len(boxes), dtype=bool)


def pasted(root, per_frame, epochs=5, most=ANY, min_points=1, frames=None, **options):
    paste = {"per_frame": per_frame, "epochs": epochs, "most": most, "min_points": min_points}
    frames = frames or scenes(root)
    return training_frames(root, *frames, paste={**paste, "folder": str(root / "objects")}, **options)


def test_a_frame_is_filled_up_with_objects_and_their_points(tmp_path):
    cloud, sample = pasted(tmp_path, {"bicycle": 3})[0]
    assert sample.labels.tolist() == [CAR, BICYCLE, BICYCLE, BICYCLE]
    assert len(np.unique(sample.boxes[1:].numpy(), axis=0)) == 3
    for box in sample.boxes[1:]:
        within = inside(cloud.numpy(), box.numpy().astype(float), np.zeros(2))
        assert within.sum() == 2, "the object's own two points"
    assert [20, 20, 0] in cloud[:, :3].tolist()


def test_points_of_the_scene_give_way_to_a_pasted_object(tmp_path):
    frames = scenes(tmp_path, count=1)
    cloud, _ = pasted(tmp_path, {"bicycle": 1}, frames=frames)[0]
    at_centre = [row for row in cloud.tolist() if row[:3] == [-5.0, -5.0, 0.0]]
    assert len(at_centre) == 1, "the scene's own point was removed, the object's is there"
    assert len(cloud) == 3 - 1 + 2


def test_a_frame_with_enough_objects_gets_no_more(tmp_path):
    data = pasted(tmp_path, {"bicycle": 1, "car": 1})
    assert [sorted(data[i][1].labels.tolist()) for i in range(5)] == [[CAR, BICYCLE]] * 5


def test_objects_beyond_the_models_range_are_neither_counted_nor_pasted(tmp_path):
    far = [60.0, 0.0, 0.0, 2.0, 0.8, 2.0, 0.0]
    rows = instances([CAR_BOX, far], [CAR, BICYCLE])
    frames = [frame(tmp_path, "far", [CAR_BOX[:3], far[:3]], rows), *scenes(tmp_path, count=2)]
    data = pasted(tmp_path, {"bicycle": 2}, frames=frames)
    assert data.paste.objects.labels.tolist().count(BICYCLE) == 2
    assert data[0][1].labels.tolist() == [CAR, BICYCLE, BICYCLE]
    assert data.labels_of(0) == {CAR}


@pytest.mark.parametrize("label", [CAR, -1])
def test_nothing_is_pasted_into_a_box_learnt_or_not(tmp_path, label):
    wall = [-5.0, -12.0, 0.0, 3.0, 40.0, 3.0, 0.0]
    frames = [frame(tmp_path, "wall", [[0, 0, 0]], instances([wall], [label])), *scenes(tmp_path)[1:]]
    _, sample = pasted(tmp_path, {"bicycle": 3}, frames=frames)[0]
    assert BICYCLE not in sample.labels.tolist()


def test_pasted_objects_do_not_overlap_one_another(tmp_path):
    rng = np.random.default_rng(2)
    boxes = [[*rng.uniform(-6, 6, 2), 0, 4, 2, 2, rng.uniform(-3, 3)] for _ in range(40)]
    frames = [frame(tmp_path, "empty", [[0, 0, 0]])]
    frames += [frame(tmp_path, str(i), [box[:3]], instances([box], [CAR])) for i, box in enumerate(boxes)]
    data = pasted(tmp_path, {"car": 40}, frames=frames)
    for epoch in range(3):
        data.set_epoch(epoch)
        shapes = [footprint(box) for box in data[0][1].boxes.numpy()]
        assert 3 < len(shapes) < 40
        assert not any(a.intersection(b).area > 1e-6 for i, a in enumerate(shapes) for b in shapes[:i])


def test_what_is_pasted_follows_from_seed_epoch_and_index_alone(tmp_path):
    def boxes(seed=0, epoch=0, index=0):
        data = pasted(tmp_path / f"{seed}", {"bicycle": 2}, frames=frames, seed=seed, data_root=tmp_path)
        data.set_epoch(epoch)
        return data[index][1].boxes

    frames = scenes(tmp_path, count=8)
    assert torch.equal(boxes(), boxes())
    draws = [boxes(), boxes(epoch=1), boxes(epoch=2), boxes(epoch=3), boxes(seed=1), boxes(index=(0, 1))]
    assert len({str(draw.tolist()) for draw in draws}) > 3


def test_pasting_leaves_the_movement_of_a_frame_as_it_was(tmp_path):
    augment = {**NO_MOVEMENT, "rotation": 1.0, "scale": 0.2}
    plain = training_frames(tmp_path, *scenes(tmp_path), augment=augment)[0][1].boxes
    torch.testing.assert_close(pasted(tmp_path, {"bicycle": 2}, augment=augment)[0][1].boxes[:1], plain)


def test_after_the_given_epochs_frames_keep_to_their_own_objects(tmp_path):
    data = pasted(tmp_path, {"bicycle": 2}, epochs=3)
    counts = []
    for epoch in range(5):
        data.set_epoch(epoch)
        counts.append(len(data[0][1].labels))
    assert counts == [3, 3, 3, 1, 1]


def test_an_objects_points_in_older_clouds_are_those_where_it_was_then():
    box, velocity = np.array([10.0, 0.0, 0.0, 4.0, 2.0, 2.0, 0.0]), np.array([10.0, 0.0])
    points = np.array([[10, 0, 0, 7, 0.0], [5, 0, 0, 7, 0.5], [10, 0, 0, 7, 0.5], [10, 0, 2, 7, 0]], dtype=np.float32)
    assert inside(points, box, velocity).tolist() == [True, True, False, False]
    assert inside(points, box, np.array([np.nan, np.nan])).tolist() == [True, False, True, False]


def test_objects_are_cut_out_once_and_rare_ones_from_as_many_frames_as_needed(tmp_path):
    frames = [*scenes(tmp_path, count=6), *scenes(tmp_path, count=0)]
    read = []

    def cloud_of(index):
        read.append(index)
        return training_frames(tmp_path, *frames).cloud(index)

    objects = cut_objects(tmp_path / "o", frames, cloud_of, everywhere, most=2, min_points=1, seed=0)
    assert sorted(objects.labels.tolist()) == [CAR, CAR, BICYCLE, BICYCLE]
    assert sorted(len(objects.points(i)) for i in range(4)) == [1, 1, 2, 2]
    assert len(read) == 4
    again = cut_objects(tmp_path / "o", frames, cloud_of, everywhere, most=2, min_points=1, seed=0)
    assert len(read) == 4
    np.testing.assert_array_equal(again.boxes, objects.boxes)


def test_objects_of_few_points_and_boxes_to_ignore_are_not_cut_out(tmp_path):
    rows = instances([CAR_BOX, BICYCLE_BOX, CAR_BOX], [CAR, BICYCLE, -1], counts=[4, 5, 9])
    frames = [frame(tmp_path, "0", [CAR_BOX[:3], BICYCLE_BOX[:3]], rows)]
    data = training_frames(tmp_path, *frames)
    objects = cut_objects(tmp_path / "o", frames, data.cloud, everywhere, most=ANY, min_points=5, seed=0)
    assert objects.labels.tolist() == [BICYCLE]


def test_a_data_set_without_objects_is_left_as_it_is(tmp_path):
    cloud, sample = pasted(tmp_path, {"car": 3}, frames=[frame(tmp_path, "0", [[0, 0, 0]])])[0]
    assert (len(cloud), len(sample.labels)) == (1, 0)


def test_a_class_that_the_model_does_not_have_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"per_frame: no class 'tram'; the model has car, bicycle"):
        pasted(tmp_path, {"tram": 1})


def test_overlap_is_what_exact_polygons_say():
    rng = np.random.default_rng(0)
    boxes = np.column_stack(
        [rng.uniform(-6, 6, (300, 2)), np.zeros(300), rng.uniform(0.5, 6, (300, 3)), rng.uniform(-4, 4, 300)]
    )
    for box in boxes[:20]:
        exact = [footprint(box).intersection(footprint(other)).area > 1e-9 for other in boxes]
        assert overlaps(box, boxes).tolist() == exact
    assert overlaps(boxes[0], boxes[:0]).tolist() == []


def footprint(box) -> shapely.Polygon:
    shape = shapely.box(-box[3] / 2, -box[4] / 2, box[3] / 2, box[4] / 2)
    turned = shapely.affinity.rotate(shape, math.degrees(box[6]), origin=(0, 0))
    return shapely.affinity.translate(turned, box[0], box[1])


def test_objects_are_chosen_of_each_class_by_its_own_count(tmp_path):
    frames = scenes(tmp_path)
    data = training_frames(tmp_path, *frames)
    objects = cut_objects(tmp_path / "o", frames, data.cloud, everywhere, most=ANY, min_points=1, seed=0)
    paste = Paste(objects, {CAR: 1, BICYCLE: 2}, everywhere)
    chosen = paste.choose(np.random.default_rng(0), np.array([CAR, CAR]), np.zeros((0, 7)))
    assert objects.labels[chosen].tolist() == [BICYCLE, BICYCLE]
