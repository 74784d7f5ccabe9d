"""Judge a trained model on its product's test frames: `python -m stages.evaluate product=base`."""

from __future__ import annotations

import time
from pathlib import Path

from omegaconf import DictConfig

from stages._entry import stage
from stages._foreign import is_judged_by_itself
from stages._model import Trained, open_model, predict_frames
from t4zoo.evaluate.report import write, write_numbers
from t4zoo.evaluate.score import EvaluateError, Rules, score
from t4zoo.info import load, require_sweeps


@stage("evaluate")
def main(cfg: DictConfig) -> None:
    """A checkpoint and info in; metrics.json, plots/ and test_log.log out."""
    rules, trained = _rules(cfg), open_model(cfg.checkpoint, cfg.device, cfg.foreign)
    if trained.foreign and is_judged_by_itself(cfg.foreign, trained.network):
        numbers, log = trained.network.judge()
        write_numbers(Path(cfg.out), numbers, f"{_heading(trained)}by the test_evaluator of its configuration\n", log)
        said = ", ".join(f"{name} {value:.3f}" for name, value in numbers.items())
        print(f"wrote {cfg.out}: {said or 'its evaluator gave no figure; test_log.log has what it said'}")
        return
    info = load(Path(cfg.info))
    if trained.class_names != info.classes:
        raise EvaluateError(
            f"the classes differ: {trained.path} has {', '.join(trained.class_names)}; "
            f"{cfg.info} has {', '.join(info.classes)}; evaluate it on the info of its own product"
        )
    require_sweeps(info, Path(cfg.info), trained.max_sweeps)
    result = score(info.frames, predict_frames(trained, info.frames, cfg), info.classes, rules)
    scenes = len({frame.scene for frame in info.frames})
    write(Path(cfg.out), result, f"{_heading(trained)}{len(info.frames)} frames of {scenes} scenes in {cfg.info}\n")
    print(f"wrote {cfg.out}: mAP {result.overall.mean_precision:.3f}")


def _heading(trained: Trained) -> str:
    now = time.strftime("%Y-%m-%d %H:%M:%S%z")
    return f"{now} {trained.name}\ncheckpoint {trained.path} sha256 {trained.sha256}\n"


def _rules(cfg: DictConfig) -> Rules:
    return Rules(
        thresholds=tuple(cfg.metrics.thresholds),
        error_threshold=cfg.metrics.error_threshold,
        min_recall=cfg.metrics.min_recall,
        min_precision=cfg.metrics.min_precision,
        bands=tuple(tuple(band) for band in cfg.product.evaluation.range_bands),
        symmetric=frozenset(cfg.metrics.symmetric_classes),
    )


if __name__ == "__main__":
    main()
