"""A zoo that people filled by hand becomes versions that everybody can list, pull and verify; nothing in it moves."""

from __future__ import annotations

import hashlib
import io
import json
import random
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t4zoo.errors import T4zooError
from t4zoo.zoo.keeping.adopting.adopt import AdoptError, adopt
from t4zoo.zoo.keeping.adopting.archive import TAIL, members
from t4zoo.zoo.keeping.adopting.digests import DigestError, Record
from t4zoo.zoo.keeping.adopting.hand_filled import Found, find_versions
from t4zoo.zoo.keeping.adopting.naming import NamingError, Rules
from t4zoo.zoo.keeping.adopting.plan import Places, Plan, make_plan
from t4zoo.zoo.layout import load_layout
from t4zoo.zoo.manifest import ManifestError, parse_manifest
from t4zoo.zoo.reading.cache import cache
from t4zoo.zoo.reading.catalogue import NotReleasedError
from t4zoo.zoo.reading.fetch import resolve
from t4zoo.zoo.reading.index import read_index
from t4zoo.zoo.reading.locate import Where, locate
from t4zoo.zoo.reading.pull import pull
from t4zoo.zoo.reading.verify import verify_zoo
from t4zoo.zoo.storage.disk import DiskFolder
from t4zoo.zoo.storage.folder import Entry, open_folder
from t4zoo.zoo.storage.s3 import S3Folder
from t4zoo.zoo.storage.server import Server
from tests.forked import command as forked

CENTER = "models/centerpoint/centerpoint"


def some(name: str, size: int = 2_000) -> bytes:
    return random.Random(name).randbytes(size)


def zipped(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), some(name, 700))
    return out.getvalue()


DEPLOYMENT = zipped("deployment/pts_voxel_encoder.onnx", "deployment/centerpoint_ml_package.param.yaml")
LOGS = zipped("20241203/run.log", "20241203/config.py")
PLUS = "best epoch+1.pth"
SHARED = some("shared")

# As found in real zoos: key -> content.
FILES: dict[str, bytes] = {
    f"{CENTER}/t4base/v2.6.0/epoch_49.pth": SHARED,
    f"{CENTER}/t4base/v2.6.0/deployment.zip": DEPLOYMENT,
    f"{CENTER}/t4base/v2.6.0/logs.zip": LOGS,
    f"{CENTER}/t4base/v2.5/second_secfpn.py": b"model = 1\n",
    f"{CENTER}/t4base/v2.5/pts_backbone_neck_head.onnx": some("onnx 2.5"),
    f"{CENTER}/t4base/v2.5/log.zip": b"not a zip",
    f"{CENTER}/t4base/v1.3/epoch_50.pth": some("1.3"),
    f"{CENTER}/t4base/v1.3.0/epoch_50.pth": some("1.3.0"),
    f"{CENTER}/t4pretrain/v20241203/epoch_30.pth": some("pretrain"),
    f"{CENTER}/j6gen2/2.5.1/best_NuScenes metric_T4Metric_mAP_epoch_49.pth": SHARED,
    f"{CENTER}/j6gen2/2.5.1/epoch_50.pth": some("epoch 50"),
    f"{CENTER}/j6gen2/2.5.1/centerpoint_ml_package.param.yaml": b"version: 4.1\n",
    f"{CENTER}/j6gen2/v2.6.1_quant/best%20epoch.pth": some("escaped"),
    f"{CENTER}/j6gen2/v2.6.1_quant/best epoch.pth": some("spaced"),
    f"{CENTER}/j6gen2/v2.6.1_quant/best+epoch.pth": some("plus"),
    f"{CENTER}/j6gen2/v2.7.0-rc1/epoch_1.pth": some("rc"),
    "models/bevfusion/bevfusion-l/j6gen2_base/v2.7.1/model-00000000deadbeef.pth": some("hashed"),
    "models/bevfusion/bevfusion-l/j6gen2_base/v2.7.1/plots/car.png": b"png",
    "models/bevfusion/bevfusion-l/j6gen2_base/v2.7.1/Plots/car.png": b"PNG",
    "models/t4base/v1.0/epoch_1.pth": some("flat"),
    "models/readme.txt": b"hello",
    "transfusion/t4base/v0.1/epoch_2.pth": some("outside"),
    "datasets/db_j6/v1.0/scene.json": b"{}",
    "info/v0.3/base/info_train.pkl": some("info"),
    "auto_label/20241101_xx1/info_all.pkl": some("labels"),
    "epoch_7.pth": some("stray"),
    f"{CENTER}/empty/v3.0.0/": b"",
    f"{CENTER}/t4base/v2.6.0/": b"",
}
NO_RULES = Rules()
ADOPTED = {
    "bevfusion-l/j6gen2_base@v2.7.1": "models/bevfusion/bevfusion-l/j6gen2_base/v2.7.1",
    "centerpoint/j6gen2@v2.5.1": f"{CENTER}/j6gen2/2.5.1",
    "centerpoint/j6gen2@v2.6.1-quant.1": f"{CENTER}/j6gen2/v2.6.1_quant",
    "centerpoint/t4base@v2.5.0": f"{CENTER}/t4base/v2.5",
    "centerpoint/t4base@v2.6.0": f"{CENTER}/t4base/v2.6.0",
    "centerpoint/t4pretrain@v20241203.0.0": f"{CENTER}/t4pretrain/v20241203",
    "transfusion/t4base@v0.1.0": "transfusion/t4base/v0.1",
    "info@v0.3.0": "info/v0.3",
    "auto_label/20241101_xx1": "auto_label/20241101_xx1",
}


@dataclass(frozen=True)
class Zoo:
    """The test's own hand-filled zoo, and a place apart from it."""

    url: str
    apart: str
    client: Any

    def put(self, key: str, content: bytes) -> None:
        bucket, _, prefix = self.url.removeprefix("s3://").partition("/")
        self.client.put_object(Bucket=bucket, Key=f"{prefix}/{key}", Body=content)

    def objects(self) -> dict[str, str]:
        return {entry.path: entry.etag for entry in open_folder(Where(self.url).open_zoo().address).list()}

    def plan(self, manifests: str | None = None, rules: Rules = NO_RULES, read: bool = True, **kinds: Any) -> Plan:
        places = self.places(manifests)
        found = find_versions(places.source.list(), rules)
        return make_plan(found, places, Record(cache() / "adopt", self.url), kinds, read)

    def places(self, manifests: str | None = None) -> Places:
        source = Where(self.url).open_zoo()
        return Places(source, Where(manifests or self.url).open_zoo(), load_layout(None))

    def adopt(self, manifests: str | None = None, rules: Rules = NO_RULES) -> Plan:
        plan = self.plan(manifests, rules)
        address = self.places(manifests).target.address
        adopt(plan, DiskFolder(address) if address.is_local else S3Folder(address), load_layout(None))
        return plan

    def t4zoo(self, *arguments: str, code: int = 0) -> str:
        done = forked.run("t4zoo", *arguments, cwd=Path.cwd())
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def zoo(s3: Server, prefix: str, client: Any) -> Zoo:
    made = Zoo(f"s3://{s3.bucket}/{prefix}/autoware-ml", f"s3://{s3.bucket}/{prefix}-apart/autoware-ml", client)
    for key, content in FILES.items():
        made.put(key, content)
    return made


def listing(*keys: str) -> list[Entry]:
    return [Entry(key, 0 if key.endswith("/") else 1, "e") for key in keys]


def names(found: Found) -> dict[str, str]:
    return {str(version.name): version.folder for version in found.versions}


def holes(plan: Plan, name: str) -> set[str]:
    (found,) = (adoption for adoption in plan.adoptions if str(adoption.version.name) == name)
    return {hole.code for hole in found.holes}


def test_each_version_is_found_and_what_is_none_is_told(zoo: Zoo):
    plan = zoo.plan()
    assert {str(item.version.name): item.version.folder for item in plan.adoptions} == ADOPTED
    told = {item.where: item.why for item in plan.left_out}
    assert told.keys() == {
        f"{CENTER}/t4base/v1.3",
        f"{CENTER}/t4base/v1.3.0",
        f"{CENTER}/j6gen2/v2.7.0-rc1",
        f"{CENTER}/empty/v3.0.0",
        "models/t4base/v1.0/epoch_1.pth",
        "models/readme.txt",
        "datasets/db_j6/v1.0",
        "epoch_7.pth",
    }
    assert "so is" in told[f"{CENTER}/t4base/v1.3"] and "v1.3.0" in told[f"{CENTER}/t4base/v1.3"]
    assert "before v2.7.0" in told[f"{CENTER}/j6gen2/v2.7.0-rc1"]
    assert "is empty" in told[f"{CENTER}/empty/v3.0.0"]
    assert "--name 'models/t4base/v1.0=" in told["models/t4base/v1.0/epoch_1.pth"]
    assert "outside models/" in told["datasets/db_j6/v1.0"]


def test_the_holes_are_reported(zoo: Zoo):
    plan = zoo.plan()
    assert holes(plan, "centerpoint/t4base@v2.6.0") == {"no-config"}  # the rest is inside its archives
    assert holes(plan, "centerpoint/t4base@v2.5.0") == {"no-checkpoint", "unknown-archive"}
    assert holes(plan, "centerpoint/j6gen2@v2.5.1") == {"checkpoints", "no-config", "no-log", "no-onnx"}
    assert {"left-out", "other-bytes"} <= holes(plan, "bevfusion-l/j6gen2_base@v2.7.1")
    assert holes(plan, "info@v0.3.0") == holes(plan, "auto_label/20241101_xx1") == set()
    assert [str(twins) for twins in plan.twins] == [
        "centerpoint/t4base@v2.6.0 epoch_49.pth has the bytes of "
        "centerpoint/j6gen2@v2.5.1 best_NuScenes metric_T4Metric_mAP_epoch_49.pth"
    ]


def test_onnx_without_ros_parameters_is_a_hole_of_its_own(zoo: Zoo):
    zoo.put(f"{CENTER}/t4base/v2.5/log.zip", LOGS)
    plan = zoo.plan()
    assert holes(plan, "centerpoint/t4base@v2.5.0") == {"no-checkpoint", "no-ros-parameters"}


@pytest.mark.parametrize("manifests", ["beside", "apart", "disk"])
def test_an_adopted_version_is_listed_shown_pulled_and_verified(zoo: Zoo, tmp_path: Path, manifests: str):
    place = {"beside": zoo.url, "apart": zoo.apart, "disk": str(tmp_path / "manifests")}[manifests]
    before = zoo.objects()
    zoo.t4zoo("adopt", zoo.url, "--manifests", "beside" if manifests == "beside" else place)
    after = zoo.objects()
    assert {key: after[key] for key in before} == before  # nothing moved, nothing written anew
    assert (set(after) == set(before)) == (manifests != "beside")
    listed = zoo.t4zoo("list", "--zoo", place)
    assert all(name in listed for name in ADOPTED)
    shown = zoo.t4zoo("show", "centerpoint/j6gen2@v2.6.1-quant.1", "--zoo", place)
    assert "best%20epoch.pth" in shown and "has 3 checkpoints" in shown and f"{CENTER}/j6gen2/v2.6.1_quant" in shown
    for name, folder in ADOPTED.items():
        located = locate(name, Where(place))
        pull(located, tmp_path / "pulled" / folder)
        assert verify_zoo(located).findings == ()
    for key, content in FILES.items():
        if any(key.startswith(f"{folder}/") for folder in ADOPTED.values()) and not key.endswith(("/", "car.png")):
            assert (tmp_path / "pulled" / key).read_bytes() == content
    assert resolve("centerpoint/t4base@v2.6.0", Where(place)).read_bytes() == SHARED
    verified = zoo.t4zoo("verify", "centerpoint/t4base@v2.6.0", "--zoo", place)
    assert "3 files are as the manifest says" in verified


def test_three_keys_that_a_url_confuses_are_three_files_and_old_urls_keep_working(zoo: Zoo, s3: Server):
    zoo.adopt()
    (folder,) = (folder for name, folder in ADOPTED.items() if "quant" in name)
    web = zoo.url.replace("s3://", f"{s3.endpoint}/")
    for name in ("best%20epoch.pth", "best epoch.pth", "best+epoch.pth"):
        with urllib.request.urlopen(f"{web}/{quote(f'{folder}/{name}')}") as answer:
            assert answer.read() == FILES[f"{folder}/{name}"]
        found = resolve(f"zoo://centerpoint/j6gen2/v2.6.1-quant.1/{name}", Where(zoo.url))
        assert found.read_bytes() == FILES[f"{folder}/{name}"]


def test_an_adopted_version_is_read_over_plain_http_and_by_the_url_of_its_manifest(
    zoo: Zoo, s3: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    zoo.adopt()
    web = zoo.url.replace("s3://", f"{s3.endpoint}/")
    for name in [key for key in s3.environment if key != "AWS_EC2_METADATA_DISABLED"]:
        monkeypatch.delenv(name)
    for text, where in (
        ("centerpoint/t4base@v2.6.0", Where(web)),
        (f"{web}/models/centerpoint/t4base/v2.6.0", Where()),
    ):
        located = locate(text, where)
        assert verify_zoo(located).findings == ()
        pull(located, tmp_path / str(where.zoo is None))
        assert (tmp_path / str(where.zoo is None) / "epoch_49.pth").read_bytes() == SHARED


def test_a_web_address_can_be_adopted_into_a_folder(zoo: Zoo, s3: Server, tmp_path: Path):
    web = zoo.url.replace("s3://", f"{s3.endpoint}/")
    zoo.t4zoo("adopt", web, "--manifests", str(tmp_path / "manifests"))
    located = locate("centerpoint/j6gen2@v2.6.1-quant.1", Where(str(tmp_path / "manifests")))
    assert located.released.manifest.adopted and located.released.manifest.adopted.address == web
    assert verify_zoo(located).findings == ()
    assert "cannot be written" in zoo.t4zoo("adopt", web, code=2)


def test_a_second_run_reads_no_file_and_writes_nothing(zoo: Zoo, monkeypatch: pytest.MonkeyPatch):
    zoo.adopt()
    before = zoo.objects()
    asked: list[str] = []
    source = open_folder(Where(zoo.url).open_zoo().address, lambda method, url: asked.append(url))
    places = Places(source, source, load_layout(None))
    found = find_versions(source.list(), Rules())
    plan = make_plan(found, places, Record(cache() / "adopt", zoo.url), {})
    assert {adoption.state for adoption in plan.adoptions} == {"adopted"}
    assert [url for url in asked if url.endswith((".pth", ".zip", ".onnx"))] == []
    assert len(plan.adoptions) == len(ADOPTED)
    adopt(plan, S3Folder(source.address), load_layout(None))
    assert zoo.objects() == before
    monkeypatch.setenv("T4ZOO_CACHE", str(cache() / "another machine's"))
    assert {adoption.state for adoption in zoo.plan().adoptions} == {"adopted"}


@pytest.mark.parametrize("change", ["has other bytes", "is new", "is gone"])
def test_files_that_changed_since_are_refused_by_name(zoo: Zoo, change: str):
    zoo.adopt()
    folder = f"{CENTER}/t4base/v2.6.0"
    if change == "is gone":
        bucket, _, start = zoo.url.removeprefix("s3://").partition("/")
        zoo.client.delete_object(Bucket=bucket, Key=f"{start}/{folder}/logs.zip")
    else:
        zoo.put(f"{folder}/{'logs.zip' if change == 'has other bytes' else 'added.txt'}", b"changed")
    plan = zoo.plan()
    (refused,) = plan.having("refused")
    assert str(refused.version.name) == "centerpoint/t4base@v2.6.0"
    assert change in refused.why and ("added.txt" if change == "is new" else "logs.zip") in refused.why
    assert len(plan.having("adopted")) == len(ADOPTED) - 1
    assert "refused" in zoo.t4zoo("adopt", zoo.url, code=1)


def test_a_new_version_is_adopted_beside_the_old_ones(zoo: Zoo):
    zoo.adopt()
    zoo.put(f"{CENTER}/t4base/v2.7/epoch_1.pth", SHARED)
    plan = zoo.adopt()
    assert [str(adoption.version.name) for adoption in plan.having("new")] == ["centerpoint/t4base@v2.7.0"]
    assert len(plan.having("adopted")) == len(ADOPTED)
    assert {twins.other for twins in plan.twins} == {"centerpoint/j6gen2@v2.5.1"}
    assert [twins.name for twins in plan.twins] == ["centerpoint/t4base@v2.6.0", "centerpoint/t4base@v2.7.0"]
    index = read_index(Where(zoo.url).open_zoo())
    assert index and {row.name for row in index.rows} == {*ADOPTED, "centerpoint/t4base@v2.7.0"}


def test_an_interrupted_run_goes_on_where_it_was(zoo: Zoo):
    """Digests are remembered a file at a time, and half a line is passed over."""
    zoo.plan()
    (record,) = (cache() / "adopt").iterdir()
    lines = [line for line in record.read_text().splitlines() if line]
    record.write_text("\n".join([*lines[: len(lines) // 2], lines[-1][:30]]))
    plan = zoo.plan(read=False)
    unknown = sum(len(item.version.files) for item in plan.adoptions) - len(lines) // 2
    assert unknown > 3 and plan.unread > 0
    assert not zoo.plan().unread and not zoo.plan(read=False).unread
    first = plan.having("new")[0]
    assert first.manifest is None or first.content == zoo.plan().having("new")[0].content


def test_a_claim_without_a_manifest_is_finished_and_a_foreign_one_is_told(zoo: Zoo):
    plan = zoo.plan()
    mine, other = plan.having("new")[:2]
    zoo.put(f"{mine.folder}/.claim", f"{mine.digest}\n".encode())
    adopt(plan, S3Folder(Where(zoo.url).open_zoo().address), load_layout(None))
    assert verify_zoo(locate(str(mine.version.name), Where(zoo.url))).findings == ()
    bucket, _, start = zoo.url.removeprefix("s3://").partition("/")
    zoo.client.delete_object(Bucket=bucket, Key=f"{start}/{other.folder}/manifest.json")
    zoo.put(f"{other.folder}/.claim", b"0" * 64 + b"\n")
    with pytest.raises(AdoptError, match="other bytes"):
        zoo.adopt()


def test_a_dry_run_reads_the_listing_alone_and_writes_nothing(zoo: Zoo):
    before = zoo.objects()
    told = zoo.t4zoo("adopt", zoo.url, "--dry-run")
    assert "would be adopted" in told and "still to be read" in told
    assert holes(zoo.plan(read=False), "centerpoint/t4base@v2.6.0") == {"no-config"}  # what is in its archives may be
    assert zoo.objects() == before
    assert not (cache() / "adopt").exists()


def test_json_has_everything_and_strict_fails_for_holes(zoo: Zoo):
    told = json.loads(zoo.t4zoo("adopt", zoo.url, "--json", "--strict", code=1))
    assert {item["name"] for item in told["versions"]} == set(ADOPTED)
    assert told["equal_bytes"][0]["other"] == "centerpoint/j6gen2@v2.5.1"
    (quant,) = (item for item in told["versions"] if "quant" in item["name"])
    assert quant["spelling"] == "v2.6.1_quant"
    assert {hole["code"] for hole in quant["holes"]} == {"checkpoints", "no-config", "no-log", "no-onnx"} | {
        "no-ros-parameters"
    }


def test_names_are_given_and_words_are_renamed(zoo: Zoo):
    options = ["--rename", "centerpoint=CenterPoint", "--name", f"{CENTER}/t4base/v1.3=CenterPoint/t4base@v1.2.9"]
    options += ["--skip", f"{CENTER}/j6gen2/*", "--kind", "*/t4base=base"]
    told = json.loads(zoo.t4zoo("adopt", zoo.url, *options, "--json"))
    found = {item["name"]: item["location"] for item in told["versions"]}
    assert found["CenterPoint/t4base@v1.2.9"] == f"{CENTER}/t4base/v1.3"
    assert found["CenterPoint/t4base@v1.3.0"] == f"{CENTER}/t4base/v1.3.0"
    assert not [name for name in found if "j6gen2@" in name]
    assert locate("CenterPoint/t4base@v2.6.0", Where(zoo.url)).released.manifest.kind == "base"
    assert locate("CenterPoint/t4pretrain@v20241203.0.0", Where(zoo.url)).released.manifest.kind is None
    assert "write public" in zoo.t4zoo("adopt", zoo.url, "--kind", "*=great", code=2)


def test_a_layout_says_exactly_where_versions_lie():
    keys = listing("zoo/cp/t4base/rel/v2/a.pth", "zoo/cp/t4base/rel/v2.1/a.pth", "models/a/b/v1.0/c.pth")
    found = find_versions(keys, Rules.of("zoo/{algorithm}/{model}/rel/{version}", ["v2=v2.0"], [], []))
    assert names(found) == {"cp/t4base@v2.0.0": "zoo/cp/t4base/rel/v2", "cp/t4base@v2.1.0": "zoo/cp/t4base/rel/v2.1"}
    deep = Rules.of("{project}/{algorithm}/{model}-{version}", [], [], [])
    assert names(find_versions(listing("x/cp/t4base-v1.0/a.pth"), deep)) == {"cp/t4base@v1.0.0": "x/cp/t4base-v1.0"}


WORDS = [
    "models",
    "info",
    "auto_label",
    "cp",
    "t4base",
    "v1.0",
    "1.0.0",
    "v1.0_quant",
    "v20241203",
    "20241101_xx",
    "",
    "..",
]


@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map("/".join), max_size=20, unique=True))
def test_each_key_is_in_one_version_or_in_one_reason(keys: list[str]):
    found = find_versions(listing(*keys), Rules())
    inside = [f"{version.folder}/{file.path}" for version in found.versions for file in version.files]
    beside = sum(len(version.left_out) for version in found.versions)
    outside = sum(item.files for item in found.left_out)
    files = [key for key in keys if key and not key.endswith("/")]
    assert len(set(inside)) == len(inside) and set(inside) <= set(files)
    assert len(inside) + beside + outside == len(files)
    assert len({version.name for version in found.versions}) == len(found.versions)


@pytest.mark.parametrize("layout", ["models/{algorithm}/{version}", "{algorithm}/{model}/{version}/{size}", "{", "x"])
def test_a_layout_that_names_no_version_is_refused(layout: str):
    with pytest.raises(NamingError, match="once"):
        Rules.of(layout, [], [], [])


@pytest.mark.parametrize("option", ["a", "=b", "a="])
def test_an_option_without_its_two_halves_is_refused(option: str):
    with pytest.raises(NamingError, match="OLD=NEW"):
        Rules.of(None, [option], [], [])


def test_keys_that_no_disk_could_hold_are_left_out():
    keys = listing(
        "models/a/b/v1.0/x.pth",
        "models/a/b/v1.0/X.pth",
        "models/a/b/v1.0/x.pth/y",
        "models/a/b/v1.0//z",
        "models/a/b/v1.0/../../../w",
        "models/a/b/v1.0/c:\\d",
        "models/a/b/v1.0/\x1b[31m",
        "models//b/v2.0/x.pth",
        "models/a/../v3.0/x.pth",
    )
    found = find_versions(keys, Rules())
    (version,) = found.versions
    assert [file.path for file in version.files] == ["x.pth/y"]
    assert len(version.left_out) == 6
    assert {item.where for item in found.left_out} == {"models//b/v2.0/x.pth", "models/a/../v3.0/x.pth"}


def test_a_release_in_the_same_zoo_is_left_as_it_is_and_keeps_its_name(zoo: Zoo):
    folder = "models/centerpoint/j6gen2/v2.5.1"
    (twin,) = (item for item in zoo.plan().adoptions if str(item.version.name) == "centerpoint/j6gen2@v2.5.1")
    source = {"commit": "0" * 40, "subject": "", "committer": "", "time": "", "dvc_lock": "0" * 64}
    released = json.loads(twin.content) | {"adopted": None, "source": source}
    zoo.put(f"{folder}/manifest.json", json.dumps(released).encode())
    (refused,) = zoo.plan().having("refused")
    assert refused.version == twin.version and "is a release of its own already" in refused.why
    for file in twin.version.files:
        zoo.put(f"{folder}/{file.path}", b"the release's own")
    alone = Rules.of(None, [], [], [twin.version.folder])
    (kept,) = zoo.plan(rules=alone).having("released")
    assert kept.version.folder == folder and kept.manifest is None


def test_a_file_that_is_written_while_it_is_read_is_told(zoo: Zoo):
    places = zoo.places()
    found = find_versions(list(places.source.list()), Rules())
    zoo.put(f"{CENTER}/t4base/v2.6.0/epoch_49.pth", b"another")
    with pytest.raises(DigestError, match="written anew"):
        make_plan(found, places, Record(cache() / "adopt", zoo.url), {})


@pytest.mark.parametrize(
    "adopted",
    [
        {"location": "../secret"},
        {"location": "models//x"},
        {"location": ""},
        {"location": "a", "address": "file:///etc"},
        {"location": "a", "address": "https://user:pw@host/x"},
        {"location": "a", "address": "ftp://host/x"},
    ],
)
def test_a_manifest_that_leads_its_reader_astray_is_refused(zoo: Zoo, adopted: dict[str, str]):
    manifest = json.loads(zoo.plan().having("new")[0].content)
    manifest["adopted"] |= adopted
    with pytest.raises(ManifestError) as refused:
        parse_manifest(json.dumps(manifest).encode(), "here")
    assert "pw" not in str(refused.value)


def test_a_version_whose_files_are_gone_is_told_by_their_own_url(zoo: Zoo, tmp_path: Path):
    zoo.adopt(zoo.apart)
    bucket, _, start = zoo.url.removeprefix("s3://").partition("/")
    zoo.client.delete_object(Bucket=bucket, Key=f"{start}/{CENTER}/t4base/v2.6.0/logs.zip")
    located = locate("centerpoint/t4base@v2.6.0", Where(zoo.apart))
    with pytest.raises(T4zooError, match=rf"{zoo.url}/{CENTER}/t4base/v2\.6\.0/logs\.zip"):
        pull(located, tmp_path / "pulled")
    assert [finding.problem for finding in verify_zoo(located).findings] == ["missing"]
    with pytest.raises(NotReleasedError):
        locate("centerpoint/t4base@v9.9.9", Where(zoo.apart))


def test_an_archive_is_listed_from_its_end_alone_and_a_false_one_is_not():
    archive = zipped("a.onnx", "b/c.param.yaml")
    assert members(archive[-TAIL:], len(archive)) == ("a.onnx", "b/c.param.yaml")
    large = io.BytesIO()
    with zipfile.ZipFile(large, "w") as out:
        out.writestr("large.onnx", some("large", 2 * TAIL))
    assert members(large.getvalue()[-TAIL:], len(large.getvalue())) == ("large.onnx",)
    for spoiled in (b"", b"PK\x05\x06", archive[:-10], hashlib.sha256(b"x").digest() * 100):
        assert members(spoiled, len(spoiled)) is None
