"""Raw predictions of one model: `python -m stages.predict auto_label=20241101_sample scenes=sample_raw_v1`.

With `torchrun --standalone --nproc-per-node N -m stages.predict launcher=gpus ...` N processes share the scenes.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from stages._entry import stage
from stages._model import Trained, open_model, predict_frames
from t4zoo.autolabel.scenes import read_scene_frames, scene_folders
from t4zoo.boxes import BoxTable
from t4zoo.models.common.processes import joined
from t4zoo.predict.gather import gather
from t4zoo.predict.parts import Parts

# What may change between a run that was stopped and the one that goes on: none of it changes a box.
# (of `foreign`, what it says in the end is compared; its URL may hold a permission)
PLACES = ("auto_label", "model", "checkpoint", "foreign", "data_root", "out")
NO_MATTER = (*PLACES, "device", "workers", "resume", "launcher")


@stage("predict")
def main(cfg: DictConfig) -> None:
    """Scenes without annotation and a checkpoint in, pseudo_infos_raw_{model}.pkl and its Parquet twin out."""
    with joined(cfg.launcher.launcher, "predict") as processes:
        from t4zoo.models.common.precision import computing

        trained = open_model(cfg.checkpoint, cfg.device, cfg.foreign)
        scenes, out = scene_folders(Path(cfg.data_root), cfg.scenes), Path(cfg.out)
        parts = Parts(out, scenes, _made_of(trained, cfg), cfg.resume, processes)
        with parts.held(), computing(cfg.precision, trained.device), _telling(parts, trained) as tell:
            for scene in processes.share(parts.missing):
                frames = read_scene_frames(scene, cfg.scenes, trained.max_sweeps)
                found = predict_frames(trained, frames, cfg, lambda done, total: None)
                boxes = BoxTable.of([rows.take(rows.scores >= cfg.min_score) for rows in found])
                parts.put(scene, trained.class_names, frames, boxes)
                tell()
            processes.wait()
            if processes.is_main:
                signed = {"model": {"name": trained.name, "checkpoint_sha256": trained.sha256}}
                written = gather(parts, out, parts.folder, trained.class_names, cfg.scenes, signed)
                print(f"wrote {out} and its .parquet: {written.boxes} boxes in {written.frames} frames")


def _made_of(trained: Trained, cfg: DictConfig) -> dict[str, str]:
    """All that decides a box, but for the code and the scene."""
    import torch

    settings = {name: json.dumps(value) for name, value in _plain(cfg).items() if name not in NO_MATTER}
    config = trained.network.config.dump() if trained.foreign else ""
    return settings | {
        "the checkpoint": trained.sha256,
        "the model's name": trained.name,
        "the model's configuration": hashlib.sha256(config.encode()).hexdigest(),
        "the device": trained.device.partition(":")[0],
        "torch": str(torch.__version__),
    }


def _plain(cfg: DictConfig) -> dict[str, object]:
    plain: dict[str, object] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    return plain


@contextmanager
def _telling(parts: Parts, trained: Trained) -> Iterator[Callable[[], None]]:
    """What is called after each scene: a bar on a screen, else a line now and then; one process tells of all."""
    if not parts.processes.is_main:
        yield lambda: None
        return
    from t4zoo.screen import progress

    total, told = len(parts.scenes), [parts.done]
    print(*parts.notes, sep="\n", end="\n" if parts.notes else "", flush=True)
    with progress(f"{trained.name} on {trained.device}", total, "scenes") as advance:
        advance(told[0])

        def tell() -> None:
            done, before = parts.done, told[0]
            advance(done - before)
            told[0] = done
            if not sys.stderr.isatty() and (done * 10 // total > before * 10 // total or done == total):
                print(f"{trained.name} on {trained.device}: {done} of {total} scenes", flush=True)

        yield tell


if __name__ == "__main__":
    main()
