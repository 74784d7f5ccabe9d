"""What an object's boxes say together is written into each: its velocity, its size and its class."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from t4zoo.autolabel.tracking.rules import Smoothing
from t4zoo.autolabel.tracking.sightings import Sightings
from t4zoo.autolabel.tracking.trajectory import smoothed_velocities
from t4zoo.boxes import BoxTable
from t4zoo.info import Array

Rows = NDArray[np.int64]
LEAST = 1e-6  # the weight of a box whose score is 0, so that an object of such boxes still has a size


def smooth(boxes: BoxTable, seen: Sightings, objects: Rows, rules: Smoothing) -> BoxTable:
    """The boxes with the object's own velocity, size and class, as far as the rules say; centres and yaw stay.

    objects: (N,) the number of each box's object, from 0 on. A box whose object was seen once keeps all its values.
    """
    weights = np.maximum(boxes.scores, LEAST)
    if rules.velocity:
        boxes = dataclasses.replace(boxes, velocities=_velocities(boxes, seen, objects))
    if rules.size != "keep":
        one_size = _medians if rules.size == "median" else _means
        sizes = np.column_stack([one_size(boxes.boxes[:, axis], weights, objects) for axis in (3, 4, 5)])
        whole = np.column_stack([boxes.boxes[:, :3], sizes[objects], boxes.boxes[:, 6]])
        boxes = dataclasses.replace(boxes, boxes=whole)
    if rules.label == "vote":
        boxes = dataclasses.replace(boxes, labels=_voted(boxes.labels, weights, objects)[objects])
    return boxes


def _velocities(boxes: BoxTable, seen: Sightings, objects: Rows) -> Array:
    """(N, 2) in each box's own lidar frame."""
    ours = smoothed_velocities(seen, objects[seen.rows])
    axes = seen.rotations[seen.frames]
    turned = axes[:, 0, :2] * ours[:, :1] + axes[:, 1, :2] * ours[:, 1:]
    written = boxes.velocities.copy()
    often = np.bincount(objects)[objects[seen.rows]] > 1
    written[seen.rows[often]] = turned[often]
    return written


def _medians(values: Array, weights: Array, objects: Rows) -> Array:
    """(K,) of each object the least value that, with those below it, has half of the weight."""
    order = np.lexsort((weights, values, objects))
    begins = np.flatnonzero(np.diff(objects[order], prepend=-1))
    reached = np.cumsum(weights[order])
    totals = np.bincount(objects, weights)
    below = np.concatenate([[0.0], reached])[begins]
    half = np.flatnonzero(reached - below[objects[order]] >= totals[objects[order]] * (0.5 - 1e-9))
    _, firsts = np.unique(objects[order][half], return_index=True)
    middle: Array = values[order][half[firsts]]
    return middle


def _means(values: Array, weights: Array, objects: Rows) -> Array:
    average: Array = np.bincount(objects, values * weights) / np.bincount(objects, weights)
    return average


def _voted(labels: Rows, weights: Array, objects: Rows) -> Rows:
    """(K,) of each object the class with the most weight, the first of equal ones."""
    classes = int(labels.max(initial=0)) + 1
    shape = (int(objects.max(initial=-1)) + 1, classes)
    votes = np.bincount(objects * classes + labels, weights, minlength=shape[0] * classes)
    winners: Rows = np.argmax(votes.reshape(shape), axis=1)
    return winners
