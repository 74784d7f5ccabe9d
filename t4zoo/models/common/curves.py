"""What is recorded while training: the losses under fixed names, without times, so that DVC can compare them."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from t4zoo.errors import T4zooError

FILES = ("scalars.json", "loss.csv", "loss.png")
DIGITS = 6  # significant; the last bits of a loss differ between machines


class TrainingError(T4zooError):
    """A training that can come to nothing."""


class Curves(Hook):
    """Writes three files into the working folder after training.

    scalars.json: a row every `interval` iterations, and one at the end of an epoch. loss.csv: a row an epoch.
    loss.png: the rows of scalars.json as curves.

    A row is the mean over the iterations since the row before; `lr` is the last one's.
    """

    priority = "LOW"

    def __init__(self, interval: int) -> None:
        self.interval = interval
        self.rows: list[dict[str, float]] = []
        self.epochs: list[dict[str, float]] = []
        self.pending: list[dict[str, torch.Tensor]] = []
        self.this_epoch: list[tuple[int, dict[str, float]]] = []

    def state(self) -> dict[str, Any]:
        """What a training that goes on needs of the epochs before."""
        return {"rows": self.rows, "epochs": self.epochs}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.rows, self.epochs = state["rows"], state["epochs"]

    def before_train_epoch(self, runner: Any) -> None:
        """Begin a row of loss.csv."""
        self.this_epoch = []

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Remember the losses as tensors: reading each at once would make a GPU wait."""
        losses = {name: value for name, value in outputs.items() if isinstance(value, torch.Tensor)}
        self.pending.append({name: value.detach() for name, value in losses.items()})
        if (runner.iter + 1) % self.interval == 0 or batch_idx + 1 == len(runner.train_dataloader):
            self._close_row(runner, runner.iter + 1)

    def after_train_epoch(self, runner: Any) -> None:
        """Close the epoch's row."""
        if self.pending:  # a training that counts iterations may end in the middle of its data
            self._close_row(runner, runner.iter)
        total = sum(count for count, _ in self.this_epoch)
        means = {
            name: sum(count * row[name] for count, row in self.this_epoch) / total for name in self.this_epoch[0][1]
        }
        self.epochs.append(_rounded({"epoch": runner.epoch + 1, **means}))

    def _close_row(self, runner: Any, iteration: int) -> None:
        means = {
            name: float(torch.stack([row[name] for row in self.pending]).double().mean()) for name in self.pending[0]
        }
        if not all(map(math.isfinite, means.values())):
            raise TrainingError(
                f"the loss is no longer a number (epoch {runner.epoch + 1}, iteration {iteration}); "
                "lower algorithm.optimizer.lr, or look for broken boxes in the info file"
            )
        self.this_epoch.append((len(self.pending), means))
        lr = next(iter(runner.optim_wrapper.get_lr().values()))[0]
        self.rows.append(_rounded({"epoch": runner.epoch + 1, "iter": iteration, "lr": lr, **means}))
        self.pending = []

    def after_train(self, runner: Any) -> None:
        """Write the three files, of the first process where there are several."""
        if not is_main_process():
            return
        scalars_json, loss_csv, loss_png = (Path(runner.work_dir) / name for name in FILES)
        scalars = "[\n" + ",\n".join(json.dumps(row) for row in self.rows) + "\n]\n"
        scalars_json.write_text(scalars, encoding="utf-8")
        with loss_csv.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(self.epochs[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.epochs)
        _draw(self.rows, loss_png)


def _rounded(row: dict[str, float]) -> dict[str, float]:
    return {name: float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value for name, value in row.items()}


def _draw(rows: list[dict[str, float]], path: Path) -> None:
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for name in rows[0]:
        if "loss" in name:
            axes.plot([row["iter"] for row in rows], [row[name] for row in rows], label=name)
    axes.set(xlabel="iteration", ylabel="loss", yscale="log")
    axes.legend()
    figure.savefig(path, metadata={"Software": None})
