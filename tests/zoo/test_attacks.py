"""Hostile manifests, lists, YAML files and folders, real ones: each is refused in one line, or does no harm."""

from __future__ import annotations

import json
import os
import pickle
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from t4zoo.export import ros_yaml
from t4zoo.models.common import checkpoint
from t4zoo.t4.dataset_list import DatasetListError, read_dataset_list
from t4zoo.zoo.layout import LayoutError, load_layout
from t4zoo.zoo.manifest import ManifestError, parse_manifest
from t4zoo.zoo.releasing.lock import LockError, Out, expand, parse_lock
from tests.zoo.repository import FOLDER, NAME, Repository
from tests.zoo.test_manifest import MD5, example, with_paths

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e [/x] [red]\r"


# Manifests


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        (b'"size": 3', b'"size": ' + b"9" * 400),
        (b'"size": 3', b'"size": 9223372036854775808'),
        (b'"size": 3', b'"size": -1'),
        (b'"size": 3', b'"size": 3.5'),
        (b"0.5", b"1" * 4000),
        (b"0.5", b"1" * 5000),
        (b"0.5", b"NaN"),
        (b"0.5", b"-Infinity"),
        (b"0.5", b"[" * 100_000 + b"]" * 100_000),
        (b"0.5", b"[" * 900 + b"]" * 900),
        (b"0.5", b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
        (b"v1.0.0", b"v" + b"9" * 5000 + b".0.0"),
        (b"CenterPoint/", b"../"),
        (b'"name"', b'"__proto__": 1, "name"'),
        (b"{", b"\xef\xbb\xbf{"),
        (b"{", b"\xff{"),
    ],
)
def test_a_manifest_with_what_no_release_writes_is_refused(written: bytes, instead: bytes) -> None:
    content = json.dumps(example()).encode()
    parse_manifest(content, "here")
    with pytest.raises(ManifestError, match=r"^here: ") as caught:
        parse_manifest(content.replace(written, instead, 1), "here")
    assert len(str(caught.value)) < 500 and len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "paths",
    [
        ("\u00e9", "e\u0301"),
        ("\u00c9", "\u00e9"),
        ("ss", "\u00df"),
        ("A", "a/b"),
        ("a\x00", "b"),
        ("a\x1b[31m", "b"),
        ("a\u202egnp.exe", "b"),
        ("a\x9b2J", "b"),
        ("a\u2028b", "b"),
        ("C:\\Windows", "b"),
        ("C:x", "b"),
        ("//host/share", "b"),
        ("a/" * 600 + "b", "c"),
    ],
)
def test_paths_that_would_be_one_or_none_on_some_machine_are_refused(paths: tuple[str, ...]) -> None:
    with pytest.raises(ManifestError, match="here: not a manifest"):
        parse_manifest(json.dumps(with_paths(*sorted(paths))).encode(), "here")


@pytest.fixture
def hostile(spoilable: Repository, client: Any, tmp_path: Path) -> Repository:
    """Someone far from a repository who reads a zoo in which a manifest's words are a stranger's."""
    key = f"{spoilable.zoo.removeprefix(f's3://{spoilable.bucket}/')}/{FOLDER}/manifest.json"
    data = json.loads(client.get_object(Bucket=spoilable.bucket, Key=key)["Body"].read())
    data["source"] |= {"subject": ESCAPES, "committer": ESCAPES, "time": ESCAPES}
    data["product"] = ESCAPES
    data["packages"] = {ESCAPES: ESCAPES}
    client.put_object(Bucket=spoilable.bucket, Key=key, Body=json.dumps(data).encode())
    client.delete_object(Bucket=spoilable.bucket, Key=key.replace(f"{FOLDER}/manifest", "index"))
    return Repository(tmp_path, spoilable.url)


def is_harmless(text: str) -> bool:
    return all(character.isprintable() or character in "\n\ufffd" for character in text)


@pytest.mark.parametrize("command", [("list",), ("show", NAME), ("verify", NAME)])
def test_a_strangers_words_do_not_steer_the_screen(hostile: Repository, command: tuple[str, ...]) -> None:
    told = hostile.t4zoo(*command, "--zoo", hostile.zoo, check=False)
    assert is_harmless(told.out) and is_harmless(told.err) and "Traceback" not in told.err
    if command[0] == "verify":
        assert "other manifest" in told.err  # it is not the one that was released
    else:
        assert NAME in told.out
    if command[0] == "show":
        assert "[/x] [red]" in told.out  # taken as text, not as markup


def test_an_error_that_quotes_a_stranger_does_not_steer_the_screen(hostile: Repository) -> None:
    told = hostile.t4zoo("show", f"x{ESCAPES}", check=False)
    assert told.code == 2 and is_harmless(told.err) and "Traceback" not in told.err


# Folders


@pytest.mark.parametrize("target", ["folder", "file", "nothing"])
def test_a_link_inside_the_folder_that_is_pulled_into_leads_no_file_outside(
    published: Repository, tmp_path: Path, target: str
) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "to"
    outside.mkdir()
    inside.mkdir()
    if target == "folder":
        (inside / "plots").symlink_to(outside)
    else:
        (inside / "config.py").symlink_to(outside / "config.py")
    if target == "file":
        (outside / "config.py").write_text("mine")
    before = {path: path.read_bytes() for path in outside.iterdir()}
    told = Repository(tmp_path, "").t4zoo("pull", NAME, "--zoo", published.zoo, "--to", str(inside), check=False)
    assert {path: path.read_bytes() for path in outside.iterdir()} == before
    assert told.code in (0, 1) and "Traceback" not in told.err


# What DVC left


@pytest.mark.parametrize(
    "rows",
    [
        [{"relpath": "../x", "md5": MD5}],
        [{"relpath": "a/../../x", "md5": MD5}],
        [{"relpath": "/etc/passwd", "md5": MD5}],
        [{"relpath": "", "md5": MD5}],
        [{"relpath": 5, "md5": MD5}],
        [{"relpath": "a", "md5": "../../../../etc/passwd"}],
        [{"relpath": "a", "md5": "/etc/passwd" + "0" * 21}],
        [{"relpath": "a", "md5": ["x"]}],
        [{"relpath": "a"}],
        {"relpath": "a"},
        5,
    ],
)
def test_a_list_of_files_that_leads_elsewhere_is_refused(rows: Any) -> None:
    out = Out("train", "models/a", f"{MD5}.dir", None)
    with pytest.raises(LockError, match="models/a: the list of its files"):
        expand(out, lambda md5: json.dumps(rows).encode())


@pytest.mark.parametrize("md5", ["../../etc/passwd", "A" * 32, "0" * 31, 5, [], f"{MD5}.dir.dir"])
def test_a_lock_whose_md5_is_a_path_is_refused(md5: Any) -> None:
    text = f"stages: {{x: {{outs: [{{path: a, md5: {json.dumps(md5)}}}]}}}}"
    with pytest.raises(LockError, match="not a lock"):
        parse_lock(text.encode(), "dvc.lock")


# YAML


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)
YAML = {
    "runs a command": "a: !!python/object/apply:os.system ['touch {victim}']\n",
    "builds an object": "!!python/object/new:os.system ['touch {victim}']\n",
    "names a module": "a: !!python/module:antigravity\n",
    "names a function": "a: !!python/name:os.system\n",
    "brackets in brackets": "a: " + "[" * 1_200 + "]" * 1_200 + "\n",
    "no day": "a: 2024-13-45\n",
    "no number": "a: 0x_\n",
    "a number of 5,000 digits": f"a: {'9' * 5000}\n",
    "not text": "a: '\x01'\n",
}


def as_lock(path: Path) -> None:
    parse_lock(path.read_bytes(), "dvc.lock")


def as_params(path: Path) -> None:
    path.rename(path.with_name("params.yaml"))
    load_layout(path.parent)


def as_parent(path: Path) -> None:
    checkpoint.resolve(str(path), lambda reference: pytest.fail("asks for it"))


def as_dataset(path: Path) -> None:
    read_dataset_list(path.parent, path.stem)


def as_parameters(path: Path) -> None:
    ros_yaml.load(path)


REFUSALS = (LockError, LayoutError, checkpoint.CheckpointError, DatasetListError, ros_yaml.RosYamlError)


@pytest.mark.parametrize("reader", [as_lock, as_params, as_parent, as_dataset])
@pytest.mark.parametrize("what", YAML)
def test_yaml_that_is_more_than_values_is_refused_and_runs_nothing(tmp_path: Path, what: str, reader: Any) -> None:
    victim, path = tmp_path / "victim", tmp_path / "it.yaml"
    path.write_text(YAML[what].replace("{victim}", str(victim)))
    with pytest.raises(REFUSALS) as caught:
        reader(path)
    assert not victim.exists() and len(str(caught.value)) < 1000


def test_such_yaml_really_would_run_something(tmp_path: Path) -> None:
    import yaml

    yaml.unsafe_load(YAML["runs a command"].replace("{victim}", str(tmp_path / "victim")))
    assert (tmp_path / "victim").exists()


@pytest.mark.parametrize("text", [LAUGHS, "a: &a [*a]\n", "a: &a {b: *a}\n", YAML["brackets in brackets"]])
def test_a_parameter_file_that_means_billions_of_values_is_refused(tmp_path: Path, text: str) -> None:
    """In a process with little memory and time: whoever expands it is killed."""
    (tmp_path / "it.yaml").write_text(text)
    code = (
        "import sys; from pathlib import Path; from t4zoo.export import ros_yaml\n"
        "try: ros_yaml.load(Path(sys.argv[1]))\n"
        "except ros_yaml.RosYamlError as error: print('refused:', error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "it.yaml")], capture_output=True, text=True, preexec_fn=poor
    )
    assert done.stdout.startswith("refused:"), done.stderr[-500:]


def poor() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))


# Checkpoints


class Harm:
    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.victim}",)


def test_a_checkpoint_that_runs_something_is_refused_in_both_of_torchs_formats(tmp_path: Path) -> None:
    import torch

    refusals = {True: r"names posix\.system, .* it was not run", False: "no checkpoint of weights and builtins alone"}
    for new_format, refusal in refusals.items():
        path, victim = tmp_path / f"{new_format}.pth", tmp_path / f"victim-{new_format}"
        harm = {"state_dict": {}, "meta": Harm(victim)}
        torch.save(harm, path, _use_new_zipfile_serialization=new_format)
        with pytest.raises(checkpoint.CheckpointError, match=refusal):
            checkpoint.load(path)
        assert not victim.exists()
        torch.load(path, weights_only=False)
        assert victim.exists()  # it really would


OTHER_NAMES = [
    *("os.system", "torch.nn.Linear", "t4zoo.models.common.checkpoint.Path", "t4zoo.models..common"),
    *("t4zoo.models.common.checkpoint.torch.nn.Linear", "t4zoo.models.", "", 5),
]


@pytest.mark.parametrize("type_", OTHER_NAMES)
def test_a_checkpoint_cannot_name_what_is_built_from_it(tmp_path: Path, type_: Any) -> None:
    checkpoint.save(tmp_path / "it.pth", {}, {"model": {"type": type_}})
    with pytest.raises(checkpoint.CheckpointError, match="no model can be built from it"):
        checkpoint.build(tmp_path / "it.pth")


def test_a_plain_pickle_under_a_checkpoints_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "it.pth").write_bytes(pickle.dumps(Harm(tmp_path / "victim"), protocol=2))
    with pytest.raises(checkpoint.CheckpointError):
        checkpoint.load(tmp_path / "it.pth")
    assert not (tmp_path / "victim").exists()
