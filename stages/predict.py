"""Raw predictions of one model: `python -m stages.predict auto_label=20241101_sample scenes=sample_raw_v1`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from omegaconf import DictConfig

from stages._entry import stage
from stages._model import open_model, predict_frames
from t4zoo.autolabel.scenes import read_frames
from t4zoo.info import Info, save


@stage("predict")
def main(cfg: DictConfig) -> None:
    """Scenes without annotation and a checkpoint in, pseudo_infos_raw_{model}.pkl out."""
    trained = open_model(cfg.checkpoint, cfg.device, cfg.foreign)
    frames = read_frames(Path(cfg.data_root), cfg.scenes, trained.max_sweeps)
    found = [rows.take(rows.scores >= cfg.min_score) for rows in predict_frames(trained, frames, cfg)]
    model = {"model": {"name": trained.name, "checkpoint_sha256": trained.sha256}}
    labelled = tuple(dataclasses.replace(frame, predictions=r) for frame, r in zip(frames, found, strict=True))
    save(Path(cfg.out), Info(trained.class_names, cfg.scenes, labelled, model))
    print(f"wrote {cfg.out}: {sum(map(len, found))} boxes in {len(frames)} frames")


if __name__ == "__main__":
    main()
