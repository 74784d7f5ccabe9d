from collections import Counter

import pytest
import torch

from t4zoo.errors import UsageError
from t4zoo.models.common.sampler import FrameSampler


class Frames:
    """As many frames as there are sets of classes."""

    def __init__(self, *labels: set[int]) -> None:
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def labels_of(self, index: int) -> set[int]:
        return self.labels[index]


def epoch(frames: Frames, number: int = 0, batch_size: int = 2, **options) -> list[tuple[int, int]]:
    sampler = FrameSampler(frames, batch_size=batch_size, seed=3, **options)
    sampler.set_epoch(number)
    drawn = list(sampler)
    assert len(drawn) == len(sampler)
    return drawn


def test_an_epoch_has_every_frame_once_in_an_order_of_its_own():
    frames = Frames(*[set()] * 10)
    orders = [epoch(frames, number) for number in range(3)]
    assert all(sorted(order) == [(i, 0) for i in range(10)] for order in orders)
    assert orders[0] != orders[1] != orders[2] != orders[0]
    assert epoch(frames, 1) == orders[1]


def test_the_last_batch_is_filled_up_with_the_first_frames():
    drawn = epoch(Frames(*[set()] * 5), batch_size=4)
    assert [index for index, _ in drawn[5:]] == [index for index, _ in drawn[:3]]
    assert [turn for _, turn in drawn] == [0] * 5 + [1] * 3
    assert Counter(index for index, _ in epoch(Frames(set(), set()), batch_size=6)) == {0: 3, 1: 3}


@pytest.mark.parametrize("balance", [None, {"threshold": 0.4}])
@pytest.mark.parametrize("processes", [2, 4])
def test_the_batches_of_several_processes_are_those_of_one(balance, processes):
    frames = Frames(*[{0}, {0, 1}, {0}, {0}, {2}, {0}, {0}, {0}, {0}, {0, 2}, {0}])
    for number in range(3):
        alone = epoch(frames, number, batch_size=4, balance=balance)
        shares = [
            epoch(frames, number, batch_size=4, balance=balance, rank=rank, processes=processes)
            for rank in range(processes)
        ]
        share = 4 // processes
        for batch in range(len(alone) // 4):
            together = [pair for part in shares for pair in part[batch * share : (batch + 1) * share]]
            assert sorted(together) == sorted(alone[batch * 4 : (batch + 1) * 4])


def test_frames_of_a_rare_class_are_taken_more_often_by_the_root_of_its_rarity():
    frames = Frames(*[{0}] * 96, *[{0, 1}] * 4)  # class 1 in 4 % of the frames; threshold 36 %: three times as often
    counts = Counter()
    for number in range(40):
        drawn = epoch(frames, number, balance={"threshold": 0.36})
        assert len(drawn) == 108
        counts += Counter(index for index, _ in drawn)
    assert all(counts[rare] == 3 * 40 for rare in range(96, 100))
    assert all(counts[common] == 40 for common in range(96))


def test_what_a_frame_is_owed_of_a_turn_it_gets_over_the_epochs():
    frames = Frames(*[{0}] * 9, {1})  # a tenth; threshold 0.225: 1.5 times
    turns = [Counter(i for i, _ in epoch(frames, n, batch_size=1, balance={"threshold": 0.225}))[9] for n in range(200)]
    assert set(turns) == {1, 2}
    assert 1.4 < sum(turns) / 200 * 10.5 / 11 < 1.6  # an epoch has whole batches: 11 frames instead of 10.5


def test_every_turn_of_a_frame_has_a_number_of_its_own():
    drawn = epoch(Frames(*[{0}] * 96, *[{0, 1}] * 4), balance={"threshold": 0.36})
    assert len(set(drawn)) == len(drawn)
    assert [turn for index, turn in drawn if index == 97] == [0, 1, 2]


def test_frames_without_a_class_that_can_be_learnt_are_taken_once():
    assert sorted(epoch(Frames(set(), {0}), balance={"threshold": 0.5})) == [(0, 0), (1, 0)]


@pytest.mark.parametrize("threshold", [0.0, 1.5])
def test_a_threshold_that_is_no_share_is_refused(threshold):
    with pytest.raises(UsageError, match=r"balance\.threshold"):
        epoch(Frames(set()), balance={"threshold": threshold})


def test_one_process_takes_the_frames_as_before():
    # mmengine's sampler for the same seed and epoch: models that were trained with it stay what they are.
    generator = torch.Generator()
    generator.manual_seed(3 + 5)
    expected = torch.randperm(6, generator=generator).tolist()
    assert [index for index, _ in epoch(Frames(*[set()] * 6), 5)] == expected
