"""The repository holds itself to its rules: what a stage reads is what dvc.yaml lists, no more and no less."""

from __future__ import annotations

import ast
import contextlib
import re

import pytest
import yaml
from dvc.repo import Repo

from tests.pipeline import (
    ROOT,
    STAGES,
    PipelineStage,
    compose,
    expand,
    import_graph,
    library_files,
    modules_named_in,
    modules_of,
    read_stages_with,
)

PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())
DVC = yaml.safe_load((ROOT / "dvc.yaml").read_text())
ALGORITHMS = sorted(folder.name for folder in (ROOT / "conf" / "algorithm").iterdir())
# params.yaml as shipped, and a model of each algorithm beside it, whose entry a user could write
EVERY = PARAMS | {
    "models": PARAMS["models"]
    | {
        f"{name}-t4every": PARAMS["models"]["CenterPoint-t4base"] | {"algorithm": name, "model": "t4every"}
        for name in ALGORITHMS
    },
    "predictions": PARAMS["predictions"]
    | {
        f"20241101_sample-{name}-t4every": PARAMS["predictions"]["20241101_sample-CenterPoint-t4base"]
        | {"algorithm": name, "model": "t4every"}
        for name in ALGORITHMS
    },
}
PIPELINE = read_stages_with(EVERY)
each_stage = pytest.mark.parametrize("stage", PIPELINE, ids=lambda stage: stage.name)


@pytest.fixture(scope="module")
def graph():
    return import_graph()


def test_dvc_yaml_has_the_six_stages_in_their_order():
    assert tuple(DVC["stages"]) == STAGES


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_has_one_file_one_configuration_and_one_test(name):
    for path in (f"stages/{name}.py", f"conf/{name}.yaml", f"tests/stages/test_{name}.py"):
        assert (ROOT / path).is_file(), path


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_algorithm_is_a_folder_of_the_same_names_everywhere(algorithm):
    modules = ("coder", "export", "head", "network")
    assert {file.stem for file in (ROOT / f"t4zoo/models/{algorithm}").glob("*.py")} == {"__init__", *modules}
    rules = {"__init__", "contract", "node_check", "parameters"}
    assert rules <= {file.stem for file in (ROOT / f"t4zoo/export/{algorithm}").glob("*.py")}
    for path in (f"conf/algorithm/{algorithm}/tiny.yaml", f"conf/autoware/{algorithm}.yaml"):
        assert (ROOT / path).is_file(), path


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_file_is_short_enough_to_hold_no_logic(name):
    assert len((ROOT / f"stages/{name}.py").read_text().splitlines()) <= 110


@each_stage
def test_a_stage_runs_the_module_of_its_own_name(stage: PipelineStage):
    assert stage.module == f"stages.{stage.kind}"


@each_stage
def test_deps_list_exactly_the_code_that_the_stage_imports(stage: PipelineStage, graph):
    cfg, _ = compose(stage.kind, stage.overrides)
    modules = {stage.module} | modules_named_in(cfg, graph)
    if stage.kind == "export":  # found by the algorithm's name, so no import statement shows it
        modules |= {
            f"t4zoo.models.{algorithm_of(stage)}.export",
            *modules_of(f"t4zoo.export.{algorithm_of(stage)}", graph),
        }
    if stage.kind in ("evaluate", "export", "predict"):  # the checkpoint names the class of its model
        modules.add(f"t4zoo.models.{algorithm_of(stage)}.network")
    needed, listed = library_files(graph, modules), expand(stage.deps)
    assert sorted(needed - listed) == [], f"{stage.name} reads what dvc.yaml does not list: a stale result"
    assert sorted(listed - needed) == [], f"{stage.name} does not read what dvc.yaml lists: a needless rerun"


def test_dvc_sees_an_edit_of_what_a_link_in_a_folder_of_deps_points_at(tmp_path):
    # docs/decisions/links-say-what-is-shared.md relies on it
    repo = Repo.init(str(tmp_path), no_scm=True)
    (tmp_path / "shared").mkdir()
    (tmp_path / "head.py").write_text("reach = 1\n")
    (tmp_path / "shared" / "head").symlink_to("../head.py")
    stage = {"cmd": "echo made > out", "deps": ["shared"], "outs": ["out"]}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"make": stage}}))
    with contextlib.chdir(tmp_path):
        assert len(repo.reproduce()) == 1
        assert len(repo.reproduce()) == 0
        (tmp_path / "head.py").write_text("reach = 2\n")
        assert len(repo.reproduce()) == 1


def algorithm_of(stage: PipelineStage) -> str:
    for table in ("models", "predictions"):
        if (key := stage.name.partition("@")[2]) in EVERY[table]:
            return EVERY[table][key]["algorithm"]
    raise AssertionError(stage.name)


@each_stage
def test_params_list_exactly_the_configuration_files_that_the_stage_composes(stage: PipelineStage):
    _, files = compose(stage.kind, stage.overrides)
    assert stage.params.keys() - {"params.yaml"} == files


@each_stage
def test_of_params_yaml_a_stage_tracks_what_it_reads_itself(stage: PipelineStage):
    read = {"waivers"} if stage.kind == "create_info" else set()  # the rest of an entry comes with the command
    assert stage.params.get("params.yaml", frozenset()) == read
    for file in ("params.yaml", "t4zoo/demo/overlay/params.yaml"):  # DVC runs nothing while one is missing
        assert read <= yaml.safe_load((ROOT / file).read_text()).keys(), file


@each_stage
def test_of_a_product_a_stage_tracks_exactly_the_keys_that_it_reads(stage: PipelineStage):
    # Otherwise another range band for the evaluation would train every model of the product again.
    product = [file for file in stage.params if file.startswith("conf/product/")]
    sources = [ROOT / file for file in {*stage.params, *expand(stage.deps)} if file not in product]
    read = {key for file in sources for key in re.findall(r'\bproduct(?:\.|\[")(\w+)', file.read_text())}
    assert read == (set(stage.params[product[0]]) if product else set())


@each_stage
def test_every_override_of_dvc_yaml_is_a_key_or_a_group_of_the_stage(stage: PipelineStage):
    compose(stage.kind, stage.overrides)  # Hydra refuses an unknown key


def test_no_stage_depends_on_the_zoo():
    assert not [dep for stage in PIPELINE for dep in stage.deps if dep.startswith("t4zoo/zoo")]


def test_init_files_hold_a_docstring_only():
    # dvc.yaml does not list them, so nothing in them may decide a result.
    for file in (ROOT / "t4zoo").rglob("__init__.py"):
        body = ast.parse(file.read_text()).body
        assert all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body), file


def test_option_files_have_no_defaults_of_their_own():
    # A file that another option pulls in could not be named by the templates of dvc.yaml.
    for group in ("algorithm", "ensemble", "labels", "product"):
        for file in (ROOT / "conf" / group).rglob("*.yaml"):
            assert "defaults" not in yaml.safe_load(file.read_text()), file


def test_every_model_is_named_by_its_algorithm_and_model_name():
    for key, model in PARAMS["models"].items():
        assert key == f"{model['algorithm']}-{model['model']}"


def test_every_model_is_an_artifact_that_git_tags_can_version():
    names = {f"{model['algorithm']}/{model['model']}" for model in PARAMS["models"].values()}
    assert names <= set(DVC["artifacts"])


def test_every_model_of_an_ensemble_has_a_prediction():
    for name, label in PARAMS["auto_labels"].items():
        ensemble = yaml.safe_load((ROOT / "conf" / "ensemble" / f"{label['ensemble']}.yaml").read_text())
        for model in ensemble["models"]:
            assert f"{name}-{model}" in PARAMS["predictions"]


@pytest.mark.parametrize("home", [".", "t4zoo/demo/overlay"])
def test_a_product_waits_for_the_lists_that_its_datasets_name(home: str):
    for key, entry in yaml.safe_load((ROOT / home / "params.yaml").read_text())["products"].items():
        places = [place / "conf/product" / f"{key}.yaml" for place in (ROOT / home, ROOT)]
        product = yaml.safe_load(next(path for path in places if path.is_file()).read_text())
        named = {dataset["lists"] for dataset in product["datasets"] if "lists" in dataset}
        assert {entry["lists"]} == (named or {"conf/dataset"}), key


def test_a_new_model_needs_an_entry_of_params_yaml_and_nothing_else():
    # Its parent is another model, and that makes an edge.
    params = PARAMS | {"models": dict(PARAMS["models"])}
    params["models"]["CenterPoint-t4x2"] = PARAMS["models"]["CenterPoint-t4base"] | {
        "model": "t4x2",
        "product": "x2",
        "parent": "models/CenterPoint/t4base/train",
    }
    stages = {stage.name: stage for stage in read_stages_with(params)}
    assert "models/CenterPoint/t4base/train" in stages["train@CenterPoint-t4x2"].deps
    assert "models/CenterPoint/t4x2/export" in stages["export@CenterPoint-t4x2"].outs


def test_dvc_verifies_what_it_pulls_and_calls_nobody():
    config = (ROOT / ".dvc" / "config").read_text()
    for line in ("verify = true", "analytics = false", "check_update = false"):
        assert line in config
    assert "access_key" not in config
    assert "endpoint" not in config
