"""What training and predicting cost: `python -m benchmarks.gpu`, `--help` for its choices; `make bench-gpu`.

Writes Markdown: for each algorithm a table of every way of computing, where the time of a step goes, and how fast
frames are read from disk and from memory. Weights are random and frames are made up: as many boxes as a model ever
gives are suppressed.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from mmengine.registry import MODELS
from omegaconf import OmegaConf
from torch.utils.data import DataLoader

from benchmarks.steps import PARTS, Bench, Figures, Way, rate_of
from benchmarks.street import make_frames
from t4zoo.augment.frames import TrainingFrames
from t4zoo.dataset import LidarDataset, collate
from t4zoo.errors import T4zooError, in_one_line
from t4zoo.info import Frame

CONF = Path(__file__).resolve().parent.parent / "conf"
ALGORITHMS = ("CenterPoint", "TransFusion", "BEVFusion")
POINTS = {"base": 100_000, "tiny": 4_000}  # of one revolution
OBJECTS = {"base": 60, "tiny": 8}
HOTTEST = 8  # operations that are named
TINY = 50.0  # [m], below which a range is one of the small networks


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print or write the page."""
    chosen = _parser().parse_args(arguments)
    if chosen.device == "cuda" and not torch.cuda.is_available():
        sys.exit("error: there is no GPU here; --device cpu tries the script")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False  # fp32 is to mean that
    with tempfile.TemporaryDirectory(prefix="t4zoo-") as scratch:
        lines = [_where(chosen)]
        for algorithm in chosen.algorithm or ALGORITHMS:
            lines += [*_algorithm(algorithm, chosen, Path(scratch) / algorithm), ""]
    page = "\n".join(lines)
    if chosen.out:
        chosen.out.write_text(page, encoding="utf-8")
    print(page)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--size", default="base", help="a file of conf/algorithm/{algorithm}/")
    parser.add_argument("--algorithm", action="append", choices=ALGORITHMS, help="may be given again; all unless given")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--frames", type=int, default=32, help="that are read where the reading is measured")
    parser.add_argument("--runs", type=int, default=20, help="of which a figure is the median")
    parser.add_argument("--quick", action="store_true", help="few runs, and nothing compiled: does the script work?")
    parser.add_argument("--out", type=Path, help="a file for the Markdown")
    return parser


def _where(chosen: argparse.Namespace) -> str:
    machine = torch.cuda.get_device_name() if chosen.device == "cuda" else f"CPU, {torch.get_num_threads()} thread"
    return f"{machine}; torch {torch.__version__}, Python {platform.python_version()}; size `{chosen.size}`.\n"


def _algorithm(algorithm: str, chosen: argparse.Namespace, root: Path) -> Iterator[str]:
    yield f"## {algorithm}\n"
    cfg = _config(algorithm, chosen.size)
    network = cfg["network"]
    reach = max(network["point_cloud_range"][3:5])
    size = "tiny" if reach < TINY else "base"
    count = max(*chosen.batch, 8 if chosen.quick else chosen.frames)
    frames = make_frames(root, count, POINTS[size], reach, OBJECTS[size], network["max_sweeps"])
    yield f"{len(LidarDataset(**_arguments(network, root, frames))[0][0]):,} points in the first frame.\n"
    rates = yield from _ways(network, root, frames, chosen)
    if rates:
        yield from _loading(cfg, root, frames, chosen, max(rates))


def _config(algorithm: str, size: str) -> dict[str, Any]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("train", overrides=[f"algorithm={algorithm}/{size}"])
    found: dict[str, Any] = OmegaConf.to_container(cfg.algorithm, resolve=True)  # type: ignore[assignment]
    return found


def _arguments(network: dict[str, Any], root: Path, frames: tuple[Frame, ...]) -> dict[str, Any]:
    """Of a `LidarDataset`."""
    own = {key: network[key] for key in ("point_features", "point_cloud_range", "max_sweeps", "class_names")}
    return {"info": frames, "data_root": root, **own}


def _ways(network: dict[str, Any], root: Path, frames: tuple[Frame, ...], chosen: argparse.Namespace) -> Iterator[str]:
    """The table; returns the training rates [frames/s]."""
    yield "| batch | precision | compiled | channels_last | step [ms] | train [frames/s] | predict [frames/s] | GiB |"
    yield "|---|---|---|---|---|---|---|---|"
    dataset, device, rates = LidarDataset(**_arguments(network, root, frames)), torch.device(chosen.device), []
    plain: dict[int, tuple[Figures, list[tuple[str, float]]]] = {}
    choices = itertools.product(chosen.batch, (False, True), (False,) if chosen.quick else (False, True), (False, True))
    for way in itertools.starmap(Way, choices):
        items = [dataset[index] for index in range(way.batch)]
        try:
            torch.manual_seed(0)
            torch.compiler.reset()
            bench = Bench(MODELS.build(dict(network)), items, device, way)
            figures = bench.measure(*((1, 3) if chosen.quick else (5, chosen.runs)))
        except (T4zooError, RuntimeError) as error:  # a package that is missing, or memory
            yield f"| {_named(way, device)} | {in_one_line(error)[:160]} | | | |"
            continue
        rates.append(way.batch / figures.seconds)
        if not (way.half or way.compiled or way.channels_last):
            plain[way.batch] = figures, bench.hottest(HOTTEST)
        memory = "" if figures.memory is None else f"{figures.memory:.1f}"
        told = f"{1000 * figures.seconds:.1f} | {rates[-1]:.1f} | {figures.rate:.1f} | {memory}"
        yield f"| {_named(way, device)} | {told} |"
    for batch, (figures, hottest) in plain.items():
        yield f"\nWhere a step of batch {batch} in fp32 goes: " + ", ".join(
            f"{part} {figures.step[part] / figures.seconds:.0%}" for part in PARTS
        )
        yield "Its hottest operations: " + ", ".join(f"`{key[:60]}` {share:.0%}" for key, share in hottest)
    return rates


def _named(way: Way, device: torch.device) -> str:
    half = ("fp16" if device.type == "cuda" else "bf16") + " AMP"
    marks = ("yes" if value else "" for value in (way.compiled, way.channels_last))
    return " | ".join([str(way.batch), half if way.half else "fp32", *marks])


def _loading(
    cfg: dict[str, Any], root: Path, frames: tuple[Frame, ...], chosen: argparse.Namespace, fastest: float
) -> Iterator[str]:
    """How many frames a second a training is given, moved as it wants them, beside how many it takes at most."""
    yield f"\n| frames come from | processes | read [frames/s] | of the fastest training's {fastest:.1f} |"
    yield "|---|---|---|---|"
    most = os.cpu_count() or 1
    for cache, workers in itertools.product((False, True), sorted({0, min(2, most), min(8, most)})):
        kinds = {"augment": cfg["augment"], "paste": None, "seed": 0}
        dataset = TrainingFrames(**kinds, **_arguments(cfg["network"], root, frames), cache=cache)
        if cache:
            for index in range(len(dataset)):
                dataset.cloud(index)
        loader = DataLoader(
            dataset, batch_size=1, num_workers=workers, collate_fn=collate, persistent_workers=workers > 0
        )
        for _ in loader:  # the processes begin
            pass
        rate = rate_of(loader)
        yield f"| {'memory' if cache else 'disk'} | {workers} | {rate:.1f} | {rate / fastest:.1f} x |"


if __name__ == "__main__":
    main()
