"""Weighted box fusion, by hand, by its properties, and against its formulas written as loops."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t4zoo.autolabel.ensemble import group_of, merge
from t4zoo.autolabel.labels import Labels
from t4zoo.autolabel.rules import Merge
from t4zoo.boxes import BoxTable
from tests.autolabel.rows import (
    ANIMAL,
    CAR,
    CLASSES,
    PEDESTRIAN,
    TRUCK,
    boxes,
    cv2_iou,
    ensemble,
    names,
    random_boxes,
    random_tables,
)

ZERO, IGNORE = Merge("wbf", "zero"), Merge("wbf", "ignore")


def fuse(*tables: BoxTable, weights: tuple[float, ...] = (), how: Merge = IGNORE, iou: float = 0.2) -> Labels:
    return merge(list(tables), CLASSES, ensemble(*(weights or (1.0,) * len(tables)), merge=how, iou_threshold=iou))


def test_a_box_is_the_mean_by_score_times_weight_with_the_id_of_the_strongest() -> None:
    first, second = boxes(0, (CAR, 0, 0.6)), boxes(1, (CAR, 1, 0.4))
    second.boxes[0] = [1, 0.5, 2, 5, 3, 2, 0.2]
    labels = fuse(first, second, weights=(1.0, 0.5))
    share = 0.2 / 0.8  # 0.4 x 0.5 of 0.6 x 1 + 0.4 x 0.5
    wanted = first.boxes[0] + share * (second.boxes[0] - first.boxes[0])
    assert labels.boxes.boxes[0, :6] == pytest.approx(wanted[:6])
    assert labels.boxes.boxes[0, 6] == pytest.approx(math.atan2(0.25 * math.sin(0.2), 0.75 + 0.25 * math.cos(0.2)))
    assert labels.boxes.velocities[0] == pytest.approx([share, share])
    assert names(labels.boxes) == ["0.0"]
    assert labels.said.tolist() == [[0.6, 0.4]]


def test_a_score_is_the_mean_of_each_models_best_by_weight() -> None:
    first, second = boxes(0, (CAR, 0, 0.6), (CAR, 0.1, 0.5)), boxes(1, (CAR, 0, 0.3))
    labels = fuse(first, second, weights=(1.0, 0.5))
    assert labels.boxes.scores == pytest.approx([(1.0 * 0.6 + 0.5 * 0.3) / 1.5])
    assert labels.said.tolist() == [[0.6, 0.3]]


def test_a_model_that_did_not_find_an_object_scores_it_zero_or_is_not_asked() -> None:
    tables = boxes(0, (CAR, 0, 0.6)), boxes(1), boxes(2, (CAR, 0, 0.9))
    weights = (1.0, 2.0, 0.5)
    assert fuse(*tables, weights=weights, how=IGNORE).boxes.scores == pytest.approx([(0.6 + 0.45) / 1.5])
    labels = fuse(*tables, weights=weights, how=ZERO)
    assert labels.boxes.scores == pytest.approx([(0.6 + 0.45) / 3.5])
    assert np.isnan(labels.said[0, 1])


def test_a_model_that_does_not_use_a_class_does_not_count_against_it() -> None:
    rules = ensemble(1.0, 1.0, merge=ZERO)
    blind = dataclasses.replace(rules.models[1], use_label=("car",))
    rules = dataclasses.replace(rules, models=(rules.models[0], blind))
    found = boxes(0, (PEDESTRIAN, 0, 0.8), (CAR, 9, 0.8))
    assert merge([found, boxes(1)], CLASSES, rules).boxes.scores == pytest.approx([0.8, 0.4])


def test_the_class_is_that_of_the_most_weighted_scores_whoever_is_the_strongest() -> None:
    labels = fuse(boxes(0, (TRUCK, 0, 0.9)), boxes(1, (CAR, 0, 0.5)), boxes(2, (CAR, 0, 0.5)))
    assert (labels.boxes.labels.tolist(), names(labels.boxes)) == ([CAR], ["0.0"])
    even = fuse(boxes(0, (CAR, 0, 0.25)), boxes(1, (TRUCK, 0, 0.5)), boxes(2, (CAR, 0, 0.25)))
    assert even.boxes.labels.tolist() == [TRUCK]  # the strongest's


def test_headings_half_a_turn_apart_are_one_outline() -> None:
    first, second = boxes(0, (CAR, 0, 0.6)), boxes(1, (CAR, 0, 0.6))
    first.boxes[0, 6], second.boxes[0, 6] = 0.1, -0.1 + math.pi
    assert fuse(first, second).boxes.boxes[0, 6] == pytest.approx(0.0)
    first.boxes[0, 6], second.boxes[0, 6] = math.pi - 0.1, -math.pi + 0.1
    assert fuse(first, second).boxes.boxes[0, 6] == pytest.approx(math.pi)


def test_a_velocity_is_the_mean_of_those_that_know_one() -> None:
    first, second, third = boxes(0, (CAR, 0, 0.9)), boxes(1, (CAR, 0, 0.6)), boxes(2, (CAR, 0, 0.3))
    first.velocities[:] = np.nan
    assert fuse(first, second, third).boxes.velocities[0] == pytest.approx([(0.6 * 1 + 0.3 * 2) / 0.9] * 2)
    second.velocities[:] = third.velocities[:] = np.nan
    assert np.isnan(fuse(first, second, third).boxes.velocities).all()


def test_a_box_between_two_objects_joins_the_one_that_it_overlaps_more() -> None:
    ends = boxes(0, (CAR, 0, 0.9), (CAR, 4.4, 0.5))
    labels = fuse(ends, boxes(1, (CAR, 2.3, 0.3)))
    assert names(labels.boxes) == ["0.0", "0.1"]
    assert labels.boxes.boxes[:, 0] == pytest.approx([0.0, (0.5 * 4.4 + 0.3 * 2.3) / 0.8])


def test_boxes_of_other_groups_frames_and_of_no_group_are_not_fused() -> None:
    labels = fuse(boxes(0, (CAR, 0, 0.9), (ANIMAL, 0, 0.9)), boxes(1, (PEDESTRIAN, 0, 0.8)))
    assert names(labels.boxes) == ["0.0", "1.0"]
    assert labels.boxes.scores == pytest.approx([0.9, 0.8])


def test_one_models_boxes_stay_as_they_are() -> None:
    rows = boxes(0, (CAR, 0, 0.9), (CAR, 0.1, 0.8))
    assert fuse(rows).boxes is rows


def test_boxes_of_score_zero_leave_the_strongest_as_it_is() -> None:
    labels = fuse(boxes(0, (CAR, 0, 0.0)), boxes(1, (TRUCK, 1, 0.0)))
    assert labels.boxes.boxes.tolist() == boxes(0, (CAR, 0, 0.0)).boxes.tolist()
    assert (labels.boxes.scores.tolist(), labels.boxes.labels.tolist()) == ([0.0], [CAR])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 100_000), st.integers(2, 5), st.sampled_from([ZERO, IGNORE]))
def test_fusing_copies_of_a_box_gives_that_box(seed: int, copies: int, how: Merge) -> None:
    (table,) = random_tables(np.random.default_rng(seed), models=1, frames=2, most=1)
    table = table.take(table.labels != ANIMAL)
    labels = fuse(*[table] * copies, weights=tuple(0.3 + 0.1 * i for i in range(copies)), how=how)
    for column in ("boxes", "velocities", "labels", "ids", "starts"):
        np.testing.assert_array_equal(getattr(labels.boxes, column), getattr(table, column))
    assert labels.boxes.scores == pytest.approx(table.scores)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 100_000), st.permutations(range(3)))
def test_the_order_of_equal_models_does_not_matter(seed: int, order: list[int]) -> None:
    rng = np.random.default_rng(seed)
    tables = random_tables(rng, models=3, frames=2, most=8)
    tables = [dataclasses.replace(table, scores=rng.random(len(table))) for table in tables]  # no ties
    one, other = fuse(*tables), fuse(*(tables[i] for i in order))
    here, there = np.argsort(names(one.boxes)), np.argsort(names(other.boxes))
    for column in ("boxes", "velocities", "labels", "scores"):
        np.testing.assert_allclose(getattr(one.boxes, column)[here], getattr(other.boxes, column)[there], atol=1e-9)
    np.testing.assert_array_equal(one.said[here][:, order], other.said[there])


def by_hand(tables: list[BoxTable], weights: tuple[float, ...], how: Merge) -> list[tuple[str, list[float]]]:
    """The docstring of `fuse`, as loops over one frame's boxes."""
    groups = group_of(CLASSES, ensemble(*weights)).tolist()
    pool = []
    for model, table in enumerate(tables):
        for i in range(len(table)):
            label, score = int(table.labels[i]), float(table.scores[i])
            if groups[label] >= 0:
                row = (table.boxes[i], table.velocities[i], label, score, model, names(table)[i])
                pool.append((score * weights[model], len(pool), row))
    clusters: list[list[tuple]] = []
    lost = []
    for strength, place, row in sorted(pool, key=lambda item: (-item[0], item[1])):
        ious = [
            cv2_iou(cluster[0][2][0], row[0]) if groups[cluster[0][2][2]] == groups[row[2]] else 0.0
            for cluster in clusters
        ]
        if any(abs(iou - 0.2) < 1e-3 for iou in ious):
            raise ArithmeticError
        if all(iou <= 0.2 for iou in ious):
            clusters.append([(strength, place, row)])
        else:
            if len(ious) > 1 and sorted(ious)[-1] - sorted(ious)[-2] < 1e-3:
                raise ArithmeticError
            lost.append((int(np.argmax(ious)), (strength, place, row)))
    for cluster, item in lost:
        clusters[cluster].append(item)
    fused = []
    for members in clusters:
        head = members[0][2]
        total = sum(strength for strength, _, _ in members)
        w = [strength if total else float(i == 0) for i, (strength, _, _) in enumerate(members)]
        rows = [row for _, _, row in members]
        mean = [sum(v * row[0][k] for v, row in zip(w, rows, strict=True)) / sum(w) for k in range(6)]
        turns = [row[0][6] - head[0][6] for row in rows]
        turns = [turn + math.pi if math.cos(turn) < 0 else turn for turn in turns]
        sin = sum(v * math.sin(turn) for v, turn in zip(w, turns, strict=True))
        cos = sum(v * math.cos(turn) for v, turn in zip(w, turns, strict=True))
        known = [(v, row[1]) for v, row in zip(w, rows, strict=True) if v and not np.isnan(row[1][0])]
        speed = sum(v * one for v, one in known) / sum(v for v, _ in known) if known else np.full(2, np.nan)
        votes = {label: sum(v for v, row in zip(w, rows, strict=True) if row[2] == label) for label in range(4)}
        best = {m: max(row[3] for row in rows if row[4] == m) for m in {row[4] for row in rows}}
        asked = range(len(weights)) if how == ZERO else best
        score = sum(weights[m] * s for m, s in best.items()) / sum(weights[m] for m in asked)
        ties = [label for label, vote in votes.items() if vote > max(votes.values()) - 1e-9]
        label = head[2] if head[2] in ties else ties[0]
        fused.append((head[5], [*mean, head[0][6] + math.atan2(sin, cos), *speed, label, score]))
    return sorted(fused)


@pytest.mark.parametrize("how", [ZERO, IGNORE], ids=["zero", "ignore"])
def test_fusion_is_what_its_formulas_say(how: Merge) -> None:
    weights, compared = (0.9, 1.0, 0.8), 0
    for seed in range(80):
        tables = random_tables(np.random.default_rng(seed), models=3, frames=1, most=8)
        try:
            wanted = by_hand(tables, weights, how)
        except ArithmeticError:
            continue
        found = fuse(*tables, weights=weights, how=how).boxes
        columns = [found.boxes, found.velocities, found.labels[:, None], found.scores[:, None]]
        order = np.argsort(names(found))
        assert [names(found)[i] for i in order] == [name for name, _ in wanted]
        rows = np.array([row for _, row in wanted]).reshape(-1, 11)
        np.testing.assert_allclose(np.hstack(columns)[order], rows, atol=1e-9)
        compared += 1
    assert compared > 20


def test_a_fused_box_lies_among_what_it_was_made_of() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        rows = random_boxes(rng, 1) + rng.normal(scale=0.05, size=(3, 7))
        tables = [boxes(model, (CAR, 0, score)) for model, score in enumerate(rng.random(3))]
        tables = [dataclasses.replace(table, boxes=rows[i : i + 1]) for i, table in enumerate(tables)]
        fused = fuse(*tables, iou=0.01).boxes
        assert len(fused) == 1
        assert (fused.boxes[0] >= rows.min(axis=0) - 1e-12).all() and (fused.boxes[0] <= rows.max(axis=0) + 1e-12).all()
        scores = [float(table.scores[0]) for table in tables]
        assert min(scores) <= fused.scores[0] <= max(scores)
