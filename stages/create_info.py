"""T4 scenes to the info files of one product: `python -m stages.create_info product=base labels=t4`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from stages._entry import stage
from t4zoo.launcher import engine_of
from t4zoo.screen import progress
from t4zoo.t4.cache_bound import bound_of, keep_within
from t4zoo.t4.check.gate import gate_of
from t4zoo.t4.convert import Sources, create_info


@stage("create_info")
def main(cfg: DictConfig) -> None:
    """Scenes in, `info_{train,val,test}.pkl` and what is counted in them out."""
    settings = cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True))
    sources = Sources(Path(settings["data_root"]), Path(settings["dataset_lists"]))
    out = Path(settings["out"])
    cache = Path(settings["cache"]) if settings["cache"] else None
    bound_of(float(settings["cache_gib"]))  # not after hours
    engine = engine_of(settings["launcher"], settings["workers"])
    statistics = create_info(
        settings["product"],
        settings["labels"],
        sources,
        out,
        float(settings["max_speed"]),
        settings["cameras"],
        engine,
        cache,
        gate_of(settings["check"], settings["waivers"], cache, engine),
        lambda title, scenes: progress(title, scenes, "scenes", alone=True),
    )
    keep_within(cache, float(settings["cache_gib"]))
    for split, numbers in statistics.items():
        objects = ", ".join(f"{count} {name}" for name, count in numbers["objects"].items())
        print(f"{out / f'info_{split}.pkl'}: {numbers['frames']} frames of {len(numbers['scenes'])} scenes: {objects}")
        if numbers["unknown"]:
            print(f"  conf/labels/{settings['labels']['name']}.yaml does not name: {', '.join(numbers['unknown'])}")


if __name__ == "__main__":
    main()
