import numpy as np
import torch

from tests.augment.frames import CAR, NO_MOVEMENT, frame, instances, training_frames

EVERYTHING = {"flip_x": 0.5, "flip_y": 0.5, "half_turn": 0.5, "rotation": 0.5, "scale": 0.1}


def some_frames(root):
    return [frame(root, str(i), np.random.default_rng(i).uniform(-9, 9, (20, 3))) for i in range(2)]


def test_changes_follow_from_seed_epoch_and_index_alone(tmp_path):
    frames = some_frames(tmp_path)

    def clouds(seed, epoch, order=(0, 1), cache=False):
        data = training_frames(tmp_path, *frames, augment=EVERYTHING, seed=seed, cache=cache)
        data.set_epoch(epoch)
        return {index: data[index][0] for index in order}

    first = clouds(1, 4)
    for again in (clouds(1, 4, (1, 0)), clouds(1, 4, (0, 0, 1), cache=True)):
        assert all(torch.equal(again[i], first[i]) for i in first)
    assert not torch.equal(clouds(1, 5)[0], first[0])
    assert not torch.equal(clouds(2, 4)[0], first[0])


def test_a_frame_that_an_epoch_has_twice_is_changed_in_two_ways(tmp_path):
    data = training_frames(tmp_path, *some_frames(tmp_path), augment=EVERYTHING)
    assert torch.equal(data[0, 0][0], data[0][0])
    assert not torch.equal(data[0, 1][0], data[0, 0][0])
    assert torch.equal(data[0, 1][0], data[0, 1][0])


def test_without_a_choice_a_frame_stays_as_it_is(tmp_path):
    rows = instances([[1, 2, 0, 4, 2, 1.5, 0.3]], [CAR])
    for augment in (None, NO_MOVEMENT):
        cloud, sample = training_frames(tmp_path, frame(tmp_path, "0", [[1, 2, 0]], rows), augment=augment)[0]
        torch.testing.assert_close(cloud, torch.tensor([[1.0, 2.0, 0.0, 7.0, 0.0]]))
        torch.testing.assert_close(sample.boxes, torch.tensor([[1, 2, 0, 4, 2, 1.5, 0.3]]))
