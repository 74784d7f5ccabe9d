"""Every algorithm's bundle passes the gate, and one that its node would not take is refused in the gate's words."""

from __future__ import annotations

import shutil

import onnx
import pytest

from t4zoo.export import by_algorithm
from t4zoo.export.gate import check_bundle
from t4zoo.zoo.releasing.plan import Plan
from t4zoo.zoo.releasing.release import Releasing
from tests.zoo.bundle import write_voxel_bundle
from tests.zoo.repository import Repository

FILES = {
    "TransFusion": {"transfusion.onnx": "onnx", "transfusion.param.yaml": "ros_param"},
    "BEVFusion": {"bevfusion_lidar.onnx": "onnx", "ml_package_bevfusion_lidar.param.yaml": "ros_param"},
}
EXPORT = """elif stage == "export":
    shutil.copytree("bundle", f"models/{algorithm}/{{name}}/export", dirs_exist_ok=True)
elif stage == "predict":
"""


def become(repository: Repository, algorithm: str) -> None:
    """The repository's one model is of another algorithm: its bundle, the names of its folders, and its entry."""
    shutil.rmtree(repository.root / "bundle")
    write_voxel_bundle(repository.root / "bundle", algorithm)
    stage = (repository.root / "stage.py").read_text()
    before, _, rest = stage.partition('elif stage == "export":\n')
    after = rest.partition('elif stage == "predict":\n')[2]
    repository.write("stage.py", before + EXPORT.format(algorithm=algorithm) + after)
    for file in ("stage.py", "dvc.yaml", "params.yaml"):
        repository.write(file, (repository.root / file).read_text().replace("CenterPoint", algorithm))
    (repository.root / "dvc.lock").unlink()
    repository.build(stages=(f"export@{algorithm}-t4base", f"evaluate@{algorithm}-t4base"))


def plan(repository: Repository, algorithm: str) -> Plan:
    return Releasing.here(repository.root, f"{algorithm}/t4base@v1.0.0", inspect=check_bundle).plan()


@pytest.mark.parametrize("algorithm", FILES)
def test_the_gate_takes_the_bundle_of_each_algorithm_and_refuses_what_its_node_would(
    algorithm: str, repository: Repository
) -> None:
    become(repository, algorithm)
    found = plan(repository, algorithm)
    assert found.report is not None and found.report.contract is True
    exported = {file.path: file.role for file in found.manifest.files if file.role in ("onnx", "ros_param")}
    assert exported == FILES[algorithm]
    files = by_algorithm.parameters(algorithm)
    assert found.manifest.ros_parameters is not None
    assert found.manifest.ros_parameters[files.PARAMETER_FILE]["num_proposals"] == 7

    network = repository.root / "bundle" / files.ONNX_FILES["network"]
    spoilt = onnx.load(network)
    spoilt.graph.input[2].type.tensor_type.elem_type = onnx.TensorProto.INT64
    spoilt.model_version = 20000
    onnx.save(spoilt, network)
    repository.build(stages=(f"export@{algorithm}-t4base",))
    told = repository.t4zoo("release", f"{algorithm}/t4base@v1.0.0", "--dry-run", check=False)
    where = f"models/{algorithm}/t4base/export/{network.name}"
    assert told.code == 1
    assert f"{where}: coors: holds INT64" in told.err
    assert f"{where}: model_version: is 20000, and v1.0.0 is 10000" in told.err
