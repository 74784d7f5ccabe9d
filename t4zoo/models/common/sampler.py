"""Which frames an epoch has and in what order: the same batches, however many processes share them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch
from mmengine.dist import get_dist_info
from torch import Tensor
from torch.utils.data import Sampler

from t4zoo.errors import UsageError


class FrameSampler(Sampler[tuple[int, int]]):
    """Pairs of a frame's index, and how often the epoch had the frame before; they follow from seed and epoch alone.

    dataset: has a length and, where balance is given, `labels_of(index)`, the set of classes that frame `index` shows.
    batch_size: frames of all processes together. An epoch is whole batches: the last one is filled up with the first
    frames, so that every process has as much to do, and no batch norm sees a batch of one frame.
    balance: `threshold`, the share of frames below which a class is rare, or None. A frame that shows a class of the
    share f is taken sqrt(threshold / f) times as often, of several classes the rarest counting, and never less than
    once. Source: Gupta, Dollar, Girshick, "LVIS", CVPR 2019, repeat factor sampling.
    rank, processes: this process among how many; by default as torch.distributed says.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        seed: int,
        balance: dict[str, float] | None = None,
        rank: int | None = None,
        processes: int | None = None,
    ) -> None:
        here, total = get_dist_info()
        self.rank, self.processes = here if rank is None else rank, total if processes is None else processes
        self.frames, self.seed, self.epoch = len(dataset), seed, 0
        self.ends = _repeats(dataset, balance["threshold"]).cumsum(0) if balance else None
        wanted = self.frames if self.ends is None else float(self.ends[-1])
        self.taken = math.ceil(wanted / batch_size) * batch_size

    def __len__(self) -> int:
        return self.taken // self.processes

    def set_epoch(self, epoch: int) -> None:
        """Called by the Runner."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self._all()[self.rank :: self.processes])

    def _all(self) -> list[tuple[int, int]]:
        """The epoch's frames, of all processes: every `batch_size` of them are one batch."""
        generator = torch.Generator()
        generator.manual_seed(self.seed + self.epoch)
        if self.ends is None:
            order = torch.randperm(self.frames, generator=generator)
            indices = order.repeat(math.ceil(self.taken / self.frames))[: self.taken]
        else:
            # Evenly spaced marks along all the frames' repeats: each frame gets its whole share, one more or one less.
            marks = torch.arange(self.taken) + torch.rand(1, generator=generator, dtype=torch.float64)
            pool = torch.searchsorted(self.ends * (self.taken / self.ends[-1]), marks, right=True)
            indices = pool.clamp(max=self.frames - 1)[torch.randperm(self.taken, generator=generator)]
        seen = Counter[int]()
        pairs = []
        for index in indices.tolist():
            pairs.append((index, seen[index]))
            seen[index] += 1
        return pairs


def _repeats(dataset: Any, threshold: float) -> Tensor:
    """(N,) how often each frame is taken in the mean."""
    if not 0 < threshold <= 1:
        raise UsageError(f"algorithm.balance.threshold is {threshold}; give a share of the frames, above 0 and up to 1")
    shown = [dataset.labels_of(index) for index in range(len(dataset))]
    counts = Counter(label for labels in shown for label in labels)
    factor = {label: max(1.0, math.sqrt(threshold * len(shown) / count)) for label, count in counts.items()}
    return torch.tensor([max((factor[label] for label in labels), default=1.0) for labels in shown]).double()
