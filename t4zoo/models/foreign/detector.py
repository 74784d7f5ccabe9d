"""A foreign model with its weights: over our frames, or judged by the evaluator of its own configuration."""

from __future__ import annotations

import copy
import dataclasses
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner
from torch import nn

from t4zoo.errors import T4zooError, UsageError
from t4zoo.info import Frame, Info, Predictions, save
from t4zoo.models.common import checkpoint, loader
from t4zoo.models.common.inference import predictions_of
from t4zoo.models.common.training import QuietRunner
from t4zoo.models.foreign.boxes import boxes_of
from t4zoo.models.foreign.configuration import (
    FAR,
    Source,
    cannot_be_built,
    class_names,
    datasets,
    max_sweeps,
    read,
    takes_points,
)
from t4zoo.models.foreign.weights import TakeAll, take_all
from t4zoo.scene_files import is_far

LOG = "test_log.log"
NOT_TESTED = (
    *("train_dataloader", "train_cfg", "optim_wrapper", "param_scheduler"),
    *("val_dataloader", "val_cfg", "val_evaluator"),
)


class TestRunner(QuietRunner):
    """A Runner that writes the log of a test."""

    log_name = LOG


class Detector:
    """What a configuration and a checkpoint make; the network itself is built when it is asked for the first time.

    algorithm, model: what it is called. class_names: () where nothing says what its labels mean.
    """

    def __init__(self, config: Config, path: Path, device: str) -> None:
        self.config, self.path, self.device = config, path, device
        meta = checkpoint.load(path).meta
        kind = config.model["type"]
        self.algorithm = str(meta.get("algorithm") or (kind if isinstance(kind, str) else kind.__name__).split(".")[-1])
        self.model = str(meta.get("name") or path.stem)
        self.class_names, self.max_sweeps = class_names(config), max_sweeps(config)

    @property
    def takes_points(self) -> bool:
        """Whether its test data are point clouds, so that it can be asked about frames."""
        return takes_points(self.config)

    @cached_property
    def network(self) -> nn.Module:
        """In evaluation mode."""
        MMLogger.get_current_instance().setLevel("WARNING")  # of each dataset, mmdet3d shows pages
        init_default_scope(self.config.get("default_scope") or "mmengine")
        settings = copy.deepcopy(self.config.model)
        if self.config.get("data_preprocessor"):
            settings.setdefault("data_preprocessor", self.config.data_preprocessor)
        network: nn.Module = _built("model", lambda: MODELS.build(settings))
        take_all(network, checkpoint.load(self.path).state_dict, str(self.path))
        return network.to(self.device).eval()

    def predict(
        self,
        frames: Sequence[Frame],
        data_root: Path,
        name: str,
        batch_size: int,
        workers: int,
        progress: Callable[[int, int], None] | None = None,
    ) -> Iterator[tuple[Frame, Predictions]]:
        """Each frame with the model's boxes, as `common.inference.predict`; read by the configuration's test dataset.

        That dataset is given an info file of `frames` as `ann_file`, `data_root`, and prefixes of nothing.
        """
        network, done = self.network, 0
        with tempfile.TemporaryDirectory() as folder:
            for batch in self._loader(frames, data_root, Path(folder), batch_size, workers):
                with torch.no_grad():
                    samples = network.test_step(batch)  # type: ignore[operator]
                for boxes in boxes_of(samples, name):
                    yield frames[done], predictions_of(boxes, frames[done], name)
                    done += 1
                if progress:
                    progress(done, len(frames))

    def _loader(self, frames: Sequence[Frame], data_root: Path, folder: Path, batch_size: int, workers: int) -> Any:
        if far := next((frame.lidar_path for frame in frames if is_far(data_root / frame.lidar_path)), None):
            raise UsageError(FAR.format(data_root / far))
        numbered = tuple(dataclasses.replace(frame, sample_idx=number) for number, frame in enumerate(frames))
        save(folder / "info.pkl", Info(self.class_names, "foreign", numbered, {"max_sweeps": self.max_sweeps}))
        settings = copy.deepcopy(self.config.get("test_dataloader"))
        found = datasets(settings or {})
        if len(found) != 1:
            raise UsageError(f"test_dataloader has {len(found)} datasets; one is needed to read the frames")
        found[0].update(
            ann_file=str(folder / "info.pkl"),
            data_root=str(data_root.absolute()),
            data_prefix=dict.fromkeys(found[0].get("data_prefix") or {"pts": "", "sweeps": ""}, ""),
        )
        found[0].pop("indices", None)
        settings.update(
            dataset=found[0],
            batch_size=batch_size,
            num_workers=workers,
            persistent_workers=False,
            drop_last=False,
            sampler={"type": "mmengine.dataset.DefaultSampler", "shuffle": False},
        )
        settings.pop("batch_sampler", None)
        made = _built("test_dataloader", lambda: Runner.build_dataloader(settings))
        if len(made.dataset) != len(frames):
            raise UsageError(f"the test dataset makes {len(made.dataset)} samples of {len(frames)} frames; one each")
        return made

    def judge(self) -> tuple[dict[str, float], str]:
        """What the configuration's own `test_evaluator` says of its own test data, and the log of the test."""
        lacking = [name for name in ("test_dataloader", "test_cfg", "test_evaluator") if self.config.get(name) is None]
        if lacking:
            raise UsageError(
                f"the configuration has no {' and no '.join(lacking)} to judge by; foreign.judge=boxes judges 3D boxes"
            )
        loader.register(lambda reference: Path(reference))
        with tempfile.TemporaryDirectory() as folder:
            settings = copy.deepcopy(self.config)
            settings.update(load_from=str(self.path), resume=False, launcher="none", work_dir=folder)
            settings.update(dict.fromkeys(NOT_TESTED))
            settings.experiment_name = uuid.uuid4().hex
            settings.setdefault("default_hooks", {})["checkpoint"] = None
            runner = _built("configuration", lambda: TestRunner.from_cfg(settings))
            runner.model.to(self.device)
            runner.register_hook(TakeAll(str(self.path)))
            _built("test_dataloader", lambda: runner.test_loop)
            metrics = runner.test()
            return _numbers(metrics), (Path(folder) / LOG).read_text(encoding="utf-8")


def open_detector(source: Source, path: Path, device: str, fetch: Callable[[str], Path]) -> Detector:
    """The model of a configuration, with the weights of the checkpoint `path`. Raises T4zooError subclasses."""
    loader.register(fetch)  # a configuration may read files by URL
    config, _ = read(source, fetch)
    return Detector(config, path, device)


def _built(what: str, build: Callable[[], Any]) -> Any:
    try:
        return build()
    except (T4zooError, OSError):
        raise
    except Exception as error:  # whatever a constructor says of what the configuration gives it
        raise UsageError(cannot_be_built(f"the {what}", error)) from error


def _numbers(metrics: dict[str, Any]) -> dict[str, float]:
    """Those of the metrics that are numbers, by name."""
    found = {}
    for name, value in sorted(metrics.items()):
        try:
            found[name] = float(value)
        except (TypeError, ValueError):
            continue
    return found
