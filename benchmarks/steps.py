"""One network in one way of computing: how long a training step and a prediction take, and where the time goes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from t4zoo.dataset import Sample

CLIP = 35.0  # as conf/train.yaml has it
PARTS = ("voxels", "network", "loss", "backward", "optimizer")


@dataclass(frozen=True)
class Way:
    """batch: frames of a step. half: mixed precision. compiled: backbone, neck and head by torch.compile.

    channels_last: how these three keep their maps in memory.
    """

    batch: int
    half: bool
    compiled: bool
    channels_last: bool


@dataclass(frozen=True)
class Figures:
    """step: seconds of one training step, by `PARTS`. rate: frames a second of predict. memory: most of training [GiB].

    memory is None without a GPU.
    """

    step: dict[str, float]
    rate: float
    memory: float | None

    @property
    def seconds(self) -> float:
        """Of a whole step."""
        return sum(self.step.values())


class Bench:
    """A model on its device, with a batch that lies there already; data loading is measured by itself.

    model: fresh; it is changed. items: frames as `LidarDataset` gives them.
    """

    def __init__(self, model: Any, items: Sequence[tuple[Tensor, Sample]], device: torch.device, way: Way) -> None:
        self.device, self.way = device, way
        self.model = model.to(device)
        self.clouds = [cloud.to(device) for cloud, _ in items]
        self.samples = [Sample(*(column.to(device) for column in sample)) for _, sample in items]
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, fused=True)
        self.dtype = torch.float16 if device.type == "cuda" else torch.bfloat16
        half_floats = way.half and self.dtype == torch.float16
        self.scaler = torch.amp.GradScaler(device.type, enabled=half_floats)
        for part in (self.model.backbone, self.model.neck, self.model.head):
            if way.channels_last:
                part.to(memory_format=torch.channels_last)
            if way.compiled:
                part.compile(dynamic=False)

    def measure(self, warm: int, runs: int) -> Figures:
        """The medians of `runs` steps and predictions, after `warm` that are not counted."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        steps = [self._train() for _ in range(warm + runs)][warm:]
        memory = torch.cuda.max_memory_allocated() / 2**30 if self.device.type == "cuda" else None
        self.model.eval()
        rates = [self._predict() for _ in range(warm + runs)][warm:]
        return Figures({part: median(step[part] for step in steps) for part in PARTS}, median(rates), memory)

    def hottest(self, count: int) -> list[tuple[str, float]]:
        """The `count` operations of a training step that take most time by themselves, and their shares of it."""
        cuda = self.device.type == "cuda"
        self._train()
        with profile(activities=[ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]) as seen:
            self._train()
        events = [(event.key, _own_time(event, cuda)) for event in seen.key_averages()]
        total = sum(own for _, own in events) or 1.0
        return [(key, own / total) for key, own in sorted(events, key=lambda one: -one[1])[:count]]

    def _train(self) -> dict[str, float]:
        self.model.train()
        spent: dict[str, float] = defaultdict(float)
        with self._timed(spent, "voxels"), self._precision():
            canvas = self._canvas()
        with self._timed(spent, "network"), self._precision():
            found = self.model.dense(canvas)
        with self._timed(spent, "loss"), self._precision():
            loss = sum(self.model.head.loss(found, self.samples).values())
        with self._timed(spent, "backward"):
            self.scaler.scale(loss).backward()
        with self._timed(spent, "optimizer"):
            self.scaler.unscale_(self.optimizer)
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
            self.scaler.step(self.optimizer)
            self.scaler.update()
            self.optimizer.zero_grad()
        return dict(spent)

    def _predict(self) -> float:
        spent: dict[str, float] = {}
        with self._timed(spent, "predict"), torch.no_grad(), self._precision():
            self.model.head.predict(self.model.dense(self._canvas()))
        return len(self.clouds) / spent["predict"]

    def _canvas(self) -> Tensor:
        canvas: Tensor = self.model.canvas(self.clouds)
        return canvas.contiguous(memory_format=torch.channels_last) if self.way.channels_last else canvas

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, self.dtype, enabled=self.way.half)

    @contextmanager
    def _timed(self, spent: dict[str, float], part: str) -> Iterator[None]:
        self._wait()
        start = time.perf_counter()
        yield
        self._wait()
        spent[part] = time.perf_counter() - start

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def _own_time(event: Any, cuda: bool) -> float:
    return float(event.self_device_time_total if cuda else event.self_cpu_time_total)


def rate_of(batches: Iterable[dict[str, Any]]) -> float:
    """Frames a second of batches as `collate` makes them."""
    start = time.perf_counter()
    frames = sum(len(batch["inputs"]) for batch in batches)
    return frames / (time.perf_counter() - start)
