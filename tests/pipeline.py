"""What dvc.yaml says, and what Hydra and the imports say, in one shape, so that the tests can compare the two."""

from __future__ import annotations

import re
import shlex
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grimp
import yaml
from dvc.dependency.param import ParamsDependency
from dvc.repo import Repo
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_automatic_config_search_path
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

ROOT = Path(__file__).resolve().parent.parent
CONF = ROOT / "conf"
STAGES = ("create_info", "train", "evaluate", "export", "predict", "autolabel")

# Read by a stage, yet no part of what it makes: how a URL becomes a local file, its bar, and where the work is spread.
NOT_DEPS = ("t4zoo.zoo", "t4zoo.screen")
NOT_PARAMS = ("conf/hydra/", "conf/launcher/")


@dataclass(frozen=True)
class PipelineStage:
    """One stage of dvc.yaml with its entry of params.yaml filled in."""

    name: str
    module: str
    overrides: tuple[str, ...]
    deps: frozenset[str]
    params: dict[str, frozenset[str]]  # file -> the keys that are tracked, none for all of them
    outs: frozenset[str]

    @property
    def kind(self) -> str:
        """The stage's name without its entry: `train` of `train@CenterPoint-t4base`."""
        return self.name.split("@")[0]


def read_stages(root: Path = ROOT) -> list[PipelineStage]:
    stages = []
    for stage in Repo(str(root)).index.stages:
        words = shlex.split(stage.cmd)
        assert words[:2] == ["python", "-m"], stage.cmd
        relative = [(dep, Path(dep.fs_path).relative_to(root).as_posix()) for dep in stage.deps]
        stages.append(
            PipelineStage(
                name=stage.name,
                module=words[2],
                overrides=tuple(words[3:]),
                deps=frozenset(path for dep, path in relative if not isinstance(dep, ParamsDependency)),
                params={path: frozenset(dep.params) for dep, path in relative if isinstance(dep, ParamsDependency)},
                outs=frozenset(Path(out.fs_path).relative_to(root).as_posix() for out in stage.outs),
            )
        )
    return stages


def read_stages_with(params: dict[str, Any]) -> list[PipelineStage]:
    """The stages that dvc.yaml would have with another params.yaml."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        subprocess.run(["git", "init", "--quiet", root], check=True)
        for name in ("dvc.yaml", ".dvc/config"):
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_text((ROOT / name).read_text())
        (root / "params.yaml").write_text(yaml.safe_dump(params))
        return read_stages(root)


def modules_of(package: str, graph: grimp.ImportGraph) -> set[str]:
    """The modules of a folder of code."""
    return {module for module in graph.modules if module.startswith(f"{package}.")}


def compose(stage: str, overrides: tuple[str, ...] = ()) -> tuple[DictConfig, frozenset[str]]:
    """The configuration of `stage` and the files of conf/ that it is made of."""
    loader = ConfigLoaderImpl(create_automatic_config_search_path(None, None, str(CONF)))
    arguments = {"config_name": stage, "overrides": list(overrides), "run_mode": RunMode.RUN}
    cfg = loader.load_configuration(**arguments)
    defaults = loader.compute_defaults_list(**arguments).defaults
    files = {f"conf/{item.config_path}.yaml" for item in defaults if (CONF / f"{item.config_path}.yaml").exists()}
    OmegaConf.set_readonly(cfg, False)
    OmegaConf.set_struct(cfg, False)
    del cfg["hydra"]
    return cfg, frozenset(file for file in files if not file.startswith(NOT_PARAMS))


def import_graph() -> grimp.ImportGraph:
    return grimp.build_graph("t4zoo", "stages", cache_dir=None)


def library_files(graph: grimp.ImportGraph, modules: set[str]) -> frozenset[str]:
    """The source files that the modules import, themselves included; the bare `__init__` files left out."""
    reached, queue = set(), list(modules)
    while queue:
        module = queue.pop()
        if module in reached or module.startswith(NOT_DEPS):
            continue
        reached.add(module)
        queue += graph.find_modules_directly_imported_by(module)
    files = {ROOT / (module.replace(".", "/") + ".py") for module in reached}
    return frozenset(file.relative_to(ROOT).as_posix() for file in files if file.exists())


def modules_named_in(cfg: DictConfig, graph: grimp.ImportGraph) -> set[str]:
    """Modules of ours that a configuration names as a dotted `type:`; no import statement shows these."""
    names = re.findall(r"\bt4zoo(?:\.\w+)+", yaml.safe_dump(OmegaConf.to_container(cfg, resolve=True)))
    return {module for name in names if (module := name.rpartition(".")[0]) in graph.modules}


def expand(deps: frozenset[str]) -> frozenset[str]:
    """Python files among `deps`, folders of code opened and links in them followed."""
    found = set()
    for dep in deps:
        path = ROOT / dep
        if path.suffix == ".py":
            found.add(dep)
        elif path.is_dir() and dep.startswith(("t4zoo/", "stages/")):
            files = {file.resolve() for file in path.rglob("*") if file.name != "__init__.py"}
            found |= {file.relative_to(ROOT).as_posix() for file in files if file.suffix == ".py"}
    return frozenset(found)
