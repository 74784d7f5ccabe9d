"""From raw predictions to labels: `python -m stages.autolabel auto_label=20241101_sample ensemble=tiny`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from stages._entry import stage
from t4zoo.autolabel.folder import Naming, write_log, write_scene_list, writing_infos
from t4zoo.autolabel.labelling import Labelling
from t4zoo.autolabel.pseudo import PseudoScenes, check_places
from t4zoo.autolabel.raw import read_raw
from t4zoo.autolabel.rules import read_ensemble
from t4zoo.autolabel.tracking.rules import read_tracking


@stage("autolabel")
def main(cfg: DictConfig) -> None:
    """Raw predictions and scenes in, the auto_label folder's files and the pseudo T4 scenes out, scene by scene."""
    name, out, pseudo_out, data_root = cfg.auto_label, Path(cfg.out), Path(cfg.pseudo_out), Path(cfg.data_root)
    (rules, where), (settings, tracking_where) = _choice(cfg, "ensemble"), _choice(cfg, "tracking")
    ensemble, tracking = read_ensemble(rules, where), read_tracking(settings, tracking_where)
    check_places(data_root / cfg.scenes, pseudo_out, out)
    labelling = Labelling(read_raw(Path(cfg.raw), ensemble, cfg.scenes), ensemble, tracking, data_root)
    naming = Naming(name, labelling.dataset, labelling.classes, labelling.models)
    pseudo = PseudoScenes(data_root / cfg.scenes, pseudo_out, naming.classes, naming.models, cfg.sample_steps)
    with pseudo, writing_infos(out, naming) as write:
        for scene in labelling:
            pseudo.write(scene)
            write(scene)
    write_scene_list(out, name, pseudo.scenes)
    rest = {key: value for key, value in rules.items() if key != "models"}
    write_log(out, naming, ensemble, {**rest, "tracking": settings}, labelling.counts, pseudo.objects)
    if dropped := ensemble.ungrouped:
        print(f"{where}: no group of label_groups names {', '.join(dropped)}, so boxes of these classes are dropped")
    counts = labelling.counts
    print(
        f"wrote {out} and {pseudo_out}: {counts.final.sum()} labels in {counts.frames} frames, {counts.scenes} scenes"
    )


def _choice(cfg: DictConfig, group: str) -> tuple[dict[str, Any], str]:
    """What was chosen of `conf/{group}/`, and the file that it stands in."""
    settings = cast(dict[str, Any], OmegaConf.to_container(cfg[group], resolve=True))
    return settings, f"conf/{group}/{HydraConfig.get().runtime.choices[group]}.yaml"


if __name__ == "__main__":
    main()
