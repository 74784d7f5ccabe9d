"""What evaluate and predict share: a checkpoint that is named becomes a model that runs over frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from stages._fetch import fetch
from stages._foreign import open_foreign
from t4zoo.errors import UsageError
from t4zoo.info import Frame, Predictions
from t4zoo.models.common.signature import signature


@dataclass(frozen=True)
class Trained:
    """A model that is ready to run. name: as in `signature`. device: cpu, or cuda."""

    path: Path
    sha256: str
    name: str
    class_names: tuple[str, ...]
    max_sweeps: int
    network: Any
    device: str
    foreign: bool = False


def open_model(reference: str, device: str, foreign: DictConfig | None = None) -> Trained:
    """The model that a checkpoint string means. device: `auto` takes a GPU where there is one.

    foreign: names the configuration file of a model that is not ours, if its `config` is not null.
    """
    import torch

    from t4zoo.models.common import checkpoint

    path = checkpoint.resolve(reference, fetch)
    if path is None:
        raise checkpoint.CheckpointError(f"{reference}: names no checkpoint")
    here = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
    if device == "auto":
        device = here[-1]
    if device.partition(":")[0] not in here:
        raise UsageError(f"device is {device!r}, and here are {' and '.join(here)}; `auto` takes the fastest")
    sha256 = checkpoint.digest(path)
    if foreign and foreign.config:
        network = open_foreign(foreign, path, device)
        name = signature(network.algorithm, network.model, reference, sha256)
        return Trained(path, sha256, name, network.class_names, network.max_sweeps, network, device, foreign=True)
    network, meta = checkpoint.build(path, device)
    try:
        name = signature(str(meta["algorithm"]), str(meta["name"]), reference, sha256)
        return Trained(path, sha256, name, tuple(meta["class_names"]), int(meta["max_sweeps"]), network, device)
    except KeyError as error:
        raise checkpoint.CheckpointError(f"{path}: its meta lacks {error}; train the model with this project") from None


def predict_frames(
    trained: Trained, frames: Sequence[Frame], cfg: DictConfig, progress: Callable[[int, int], None] | None = None
) -> list[Predictions]:
    """The boxes of each frame. cfg: data_root, batch_size, workers; of predict, min_score.

    progress: told (done, total); None: lines do.
    """
    from t4zoo.models.common.inference import predict

    if cfg.batch_size < 1:
        raise UsageError(f"batch_size is {cfg.batch_size}; give it a whole number of at least 1")
    if cfg.workers < 0:
        raise UsageError(f"workers is {cfg.workers}; give it a number of processes, or 0 for none beside this one")
    if not 0.0 <= cfg.get("min_score", 0.0) < 1.0:
        raise UsageError(f"min_score is {cfg.min_score}; give the least score of a box, at least 0 and less than 1")
    told = [0]

    def tell(done: int, total: int) -> None:
        if done * 4 // total > told[0]:
            told[0] = done * 4 // total
            print(f"{trained.name} on {trained.device}: {done} of {total} frames", flush=True)

    if trained.foreign and not trained.class_names:
        raise UsageError(
            f"{trained.name}: its configuration does not say what the labels mean; name the classes in their order: "
            "'+foreign.overrides.test_dataloader.dataset.metainfo.classes=[car,...]'"
        )
    settings = Path(cfg.data_root), trained.name, cfg.batch_size, cfg.workers, progress or tell
    found = (
        trained.network.predict(frames, *settings) if trained.foreign else predict(trained.network, frames, *settings)
    )
    return [rows for _, rows in found]
