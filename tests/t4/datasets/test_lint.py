"""Every rule of `t4zoo dataset lint` on a repository that is right but for one thing."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from t4zoo.t4.datasets.finding import RULES, Finding
from t4zoo.t4.datasets.lint import Linted, lint
from t4zoo.zoo.commit import last_tagged
from tests.t4.datasets.repository import NAME, Repository

ABSENT = "00000000-0000-4000-8000-000000000001"
LIST = f"conf/dataset/{NAME}.yaml"


def linted(repository: Repository, *names: str) -> Linted:
    return lint(repository.root, names, last_tagged(repository.root))


def found(repository: Repository, rule: str, *names: str) -> Finding:
    """The only finding of this rule."""
    (finding,) = [one for one in linted(repository, *names).findings if one.rule == rule]
    return finding


def rules(repository: Repository, *names: str) -> set[str]:
    return {finding.rule for finding in linted(repository, *names).findings}


def test_a_repository_in_order_has_no_finding_and_exit_code_0(repository: Repository):
    done = repository.run("lint")
    assert (done.returncode, done.stdout) == (0, "1 lists: 0 errors, 0 warnings, 0 notes\n")
    assert linted(repository) == Linted((NAME,), ())


def swap(repository: Repository, **splits: list[str]) -> None:
    repository.list(NAME, **(repository.scenes | splits))


def text(old: str, new: str) -> Callable[[Repository], None]:
    def spoil(repository: Repository) -> None:
        path = repository.root / LIST
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    return spoil


def append(line: str, split: str = "test") -> Callable[[Repository], None]:
    return lambda repository: swap(repository, **{split: [*repository.scenes[split], line]})


def again(split: str, other: str, revision: str = "0") -> Callable[[Repository], None]:
    """The first scene of `other` stands in `split`, too."""

    def spoil(repository: Repository) -> None:
        name = repository.scenes[other][0].split("/")[0]
        swap(repository, **{split: [*repository.scenes[split], f"{name}/{revision}"]})

    return spoil


def product(*datasets: object) -> Callable[[Repository], None]:
    return lambda repository: repository.product("other", *datasets)


def remove_scene(repository: Repository) -> None:
    shutil.rmtree(repository.scene("val").parent)


def remove_annotation(repository: Repository) -> None:
    shutil.rmtree(repository.scene("val") / "annotation")


def remove_dataset(repository: Repository) -> None:
    shutil.rmtree(repository.data / NAME)


def remove_data(repository: Repository) -> None:
    shutil.rmtree(repository.data)


def republish(repository: Repository) -> None:
    scene = repository.scene("train")
    shutil.copytree(scene, scene.parent / "1")


def withdraw(repository: Repository) -> None:
    scene = repository.scene("train")
    scene.rename(scene.parent / "1")


def leave_revision_open(repository: Repository) -> None:
    first, *others = repository.scenes["train"]
    swap(repository, train=[first.split("/")[0], *others])


def forget_scene(repository: Repository) -> None:
    swap(repository, val=[])


def forget_list(repository: Repository) -> None:
    shutil.copytree(repository.data / NAME, repository.data / "db_forgotten_v1")


def forget_git(repository: Repository) -> None:
    shutil.rmtree(repository.root / ".git")


def release_then(change: Callable[[Repository], None]) -> Callable[[Repository], None]:
    def spoil(repository: Repository) -> None:
        repository.commit("released", tag="info@v0.1.0")
        change(repository)

    return spoil


SPOILT: list[tuple[str, Callable[[Repository], None], str]] = [
    ("list-missing", product({"name": "db_nowhere_v1"}), "those there: db_street_v1"),
    ("list-not-made", product({"name": "auto", "lists": "pseudo_t4dataset/day"}), "pseudo_t4dataset/day/auto.yaml"),
    ("list-not-yaml", text("version: 1", "version: [1"), "expected ',' or ']'"),
    ("list-form", text("version: 1", "version: 2"), "begins with `version: 2`"),
    ("list-form", text("version: 1\n", ""), "has no `version:`"),
    ("list-form", text("train:", "trian:"), "'trian' is no split; the splits are train, val, test"),
    ("list-form", text("version: 1", "version: 1\ndata_of: ../up"), "data_of is '../up'"),
    ("list-form", text("version: 1", "version: 1\nsample_steps: 0"), "sample_steps is 0"),
    ("list-form", lambda r: r.write(LIST, "- scene\n"), "no mapping"),
    ("list-form", lambda r: r.list(NAME, **(r.scenes | {"val": "all"})), "val is no list of scenes"),
    ("list-key-twice", lambda r: r.write(LIST, (r.root / LIST).read_text() + "val: []\n"), "'val' stands in line"),
    ("product-form", product("db_street_v1"), "datasets has 'db_street_v1'"),
    ("product-form", product({"name": NAME, "split": "test"}), "may have lists, sample_steps, splits"),
    ("product-form", product({"name": NAME, "splits": ["tset"]}), "splits of db_street_v1 is ['tset']"),
    ("product-form", product({"name": NAME, "lists": 5}), "lists of db_street_v1 is 5"),
    ("product-form", product({"name": NAME}, {"name": NAME}), "names the dataset db_street_v1 twice"),
    ("product-form", lambda r: r.write("conf/product/x.yaml", "datasets: ["), "not a YAML file"),
    ("product-form", lambda r: r.write("conf/product/x.yaml", "datasets: !!int ''"), "not a YAML file"),
    ("product-form", lambda r: r.write("conf/product/x.yaml", "name: x"), "has no list `datasets`"),
    ("id-form", append(f"{ABSENT}/0/odaiba"), f"the scene '{ABSENT}/0/odaiba' is not id"),
    ("id-form", append(f"{ABSENT}/latest"), "'latest', which is no whole number"),
    ("id-form", append("../../etc/0"), "no T4 id in front"),
    ("id-form", append(17), "the scene 17 is not id"),  # type: ignore[arg-type]
    ("id-not-uuid", append("e4359aff-ea82-4ff0-860b-9ad24808cfd/0"), "see whether it was cut off"),
    ("id-not-uuid", append(f"{ABSENT[:-12].upper()}ABCDEFABCDEF/0"), "write 00000000-0000-4000-8000-abcdefabcdef"),
    ("scene-twice", again("train", "train"), "in train"),
    ("scene-in-two-splits", again("train", "test"), "what is learnt cannot test"),
    ("scene-in-two-splits", again("train", "test", "1"), "as the revisions 1 and 0"),
    ("scene-two-revisions", again("train", "train", "1"), "as the revisions 0 and 1; keep the revision that is meant"),
    ("version-missing", text("dataset_version: db-street-v1.0\n", ""), "add one, such as `dataset_version: db-"),
    ("version-form", text("db-street-v1.0", "20241101"), "write it as {name}-vX.Y"),
    ("version-not-of-file", text("db-street-v1.0", "db-street-v2.0"), "write v1.Y"),
    ("version-not-bumped", release_then(forget_scene), "(1 removed), and its dataset_version is still"),
    ("version-went-back", release_then(text("v1.0", "v0.9")), "was 'db-street-v1.0' at the tag info@v0.1.0"),
    ("dataset-missing", remove_dataset, "none of its 6 scenes is on disk"),
    ("scene-missing", remove_scene, "the scene is not here at all; fetch it"),
    ("scene-missing", remove_annotation, "has no folder annotation"),
    ("scene-missing", withdraw, "the revision here: 1; fetch it; or write the revision that is meant"),
    ("revision-open", leave_revision_open, "the highest here, 0, is taken"),
    ("revision-newer", republish, "the list takes revision 0"),
    ("scene-unlisted", forget_scene, "no list names this scene"),
    ("dataset-unlisted", forget_list, "has 6 scenes, and no list"),
    ("data-not-here", remove_data, "data/t4dataset: is not there"),
    ("version-not-compared", forget_git, "in no git repository"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "spoil", "said"), SPOILT, ids=[f"{rule}-{said[:20]}" for rule, _, said in SPOILT])
def test_each_fault_is_found_by_its_rule(repository: Repository, rule: str, spoil, said: str):
    spoil(repository)
    finding = found(repository, rule)
    assert said in str(finding)
    assert str(repository.root) not in str(finding)
    assert linted(repository).failed == any(RULES[one][0] == "error" for one in rules(repository))
    assert rule in rules(repository)


def test_every_rule_is_tried():
    assert {rule for rule, _, _ in SPOILT} == RULES.keys()


def test_a_finding_names_the_line_that_is_wrong(repository: Repository):
    append(f"{ABSENT}/0/odaiba")(repository)
    lines = (repository.root / LIST).read_text().splitlines()
    finding = found(repository, "id-form")
    assert finding.where == f"{LIST}:{lines.index(f'- {ABSENT}/0/odaiba') + 1}"


def test_all_faults_of_a_list_are_told_at_once(repository: Repository):
    first = repository.scenes["train"][0]
    swap(repository, val=["?", first], test=["a/b", first.replace("/0", "/7")])
    assert [one.rule for one in linted(repository).findings if one.severity == "error"] == [
        "id-form", "id-form", "scene-in-two-splits", "scene-in-two-splits", "scene-missing",
    ]  # fmt: skip


def test_scenes_with_city_vehicle_and_status_are_right(repository: Repository):
    scenes = repository.scenes
    swap(
        repository, val=[f"{scenes['val'][0]}/odaiba/j6gen2"], test=[f"{key}/odaiba/j6/cone" for key in scenes["test"]]
    )
    assert rules(repository) == set()


@pytest.mark.parametrize(
    ("split", "revision", "rule"),
    [("test", "0", "scene-in-two-splits"), ("train", "1", "scene-two-revisions"), ("train", "0", "scene-twice")],
)
def test_a_scene_in_two_lists_is_wrong_where_one_product_takes_both(
    repository: Repository, split: str, revision: str, rule: str
):
    name = repository.scenes["train"][0].split("/")[0]
    repository.list("db_other_v1", "db-other-v1.0", **{split: [f"{name}/{revision}"]})
    assert rule not in rules(repository)  # each list alone is right
    repository.product("both", {"name": NAME}, {"name": "db_other_v1"})
    finding = found(repository, rule)
    assert "the product both takes the scene" in finding.what and finding.datasets == ("db_other_v1", NAME)
    repository.product("both", {"name": NAME}, {"name": "db_other_v1", "splits": ["val"]})
    assert rule not in rules(repository)


def test_only_what_is_asked_for_is_told(repository: Repository):
    repository.list("db_other_v1", "", train=["x"])
    assert rules(repository, NAME) == set()
    assert rules(repository, "base") == set()
    assert "version-missing" in rules(repository, "db_other_v1")
    done = repository.run("lint", "db_none_v1")
    assert done.returncode == 2
    assert "db_none_v1: neither a dataset nor a product; datasets: db_other_v1 db_street_v1; " in done.stderr


def test_a_list_that_changed_wants_a_higher_version_and_no_more(repository: Repository):
    repository.commit("released", tag="info@v0.1.0")
    dropped = {"val": []}
    swap(repository, **dropped)
    assert "write db-street-v1.1" in found(repository, "version-not-bumped").cure
    repository.list(NAME, "db-street-v1.1", **(repository.scenes | dropped))
    assert "version-not-bumped" not in rules(repository)
    repository.commit("released again", tag="info@v0.2.0")
    swap(repository)  # as at first, with the first version
    assert "write db-street-v1.2" in found(repository, "version-went-back").cure


def test_comments_and_the_order_of_scenes_need_no_new_version(repository: Repository):
    repository.commit("released", tag="v1")
    swap(repository, train=repository.scenes["train"][::-1])
    repository.write(LIST, "# words\n" + (repository.root / LIST).read_text())
    assert rules(repository) == set()


def test_a_list_is_compared_with_the_newest_tag_that_head_came_from(repository: Repository):
    repository.commit("old", tag="zz-old")
    swap(repository, val=[])
    repository.commit("newer, and by its name earlier", tag="aa-newer")
    assert "version-not-bumped" not in rules(repository)
    repository.git("checkout", "--quiet", "-b", "side", "zz-old")
    swap(repository, test=[])
    repository.commit("elsewhere", tag="elsewhere")
    repository.git("checkout", "--quiet", "main")
    assert "version-not-bumped" not in rules(repository)
    swap(repository, val=[], test=[])
    assert "the tag aa-newer" in found(repository, "version-not-bumped").what


def test_a_shallow_clone_does_not_pass_for_one_without_tags(repository: Repository, tmp_path: Path):
    repository.commit("released", tag="v1")
    clone = tmp_path / "ci"
    repository.git("clone", "--quiet", "--depth=1", "--no-tags", f"file://{repository.root}", str(clone))
    (finding,) = [one for one in lint(clone, (), last_tagged(clone)).findings if one.rule == "version-not-compared"]
    assert "`git fetch --unshallow --tags`" in finding.what


def test_a_list_that_no_tag_has_is_new_and_needs_no_comparison(repository: Repository):
    repository.commit("released", tag="v1")
    repository.list("db_new_v1", "db-new-v1.0")
    assert not {"version-not-bumped", "version-went-back"} & rules(repository)


def test_a_scene_of_the_wrong_revision_is_an_error_on_the_command_line(repository: Repository):
    withdraw(repository)
    done = repository.run("lint")
    scene = repository.scenes["train"][0]
    assert done.returncode == 1
    assert f"data/t4dataset/{NAME}/{scene} is not there: the revision here: 1" in done.stdout
    assert done.stdout.endswith("1 lists: 1 error, 0 warnings, 0 notes\n")


def test_json_has_every_finding_with_its_severity(repository: Repository):
    swap(repository, train=[f"{ABSENT[:-2]}{number:02d}/0" for number in range(9)])
    told = repository.asked("lint")
    assert told["datasets"] == [NAME]
    missing = [one for one in told["findings"] if one["rule"] == "scene-missing"]
    assert len(missing) == 9
    assert {one["severity"] for one in missing} == {"error"}
    assert set(missing[0]) == {"severity", "rule", "where", "what", "cure", "datasets"}
    assert "4 more; --json lists all" in repository.run("lint").stdout


def test_pseudo_scenes_need_their_annotation_and_the_recording(repository: Repository):
    scene = repository.scenes["test"][0]
    home = repository.root / "pseudo_t4dataset/day"
    shutil.copytree(repository.scene("test") / "annotation", home / scene / "annotation")
    repository.list("auto", "auto-v1.0", "pseudo_t4dataset/day", data_of=NAME, sample_steps=1, train=[scene])
    repository.product("pseudo", {"name": "auto", "lists": "pseudo_t4dataset/day"})
    assert rules(repository) == set()
    shutil.rmtree(home / scene)
    assert f"pseudo_t4dataset/day/{scene} is not there" in found(repository, "scene-missing").what


def test_the_page_on_lists_names_every_rule_with_its_severity():
    page = (Path(__file__).resolve().parents[3] / "docs/datasets.md").read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \| ([a-z]+) \|", page, flags=re.MULTILINE)
    assert rows == [(rule, severity) for rule, (severity, _) in RULES.items()]


def test_the_lists_of_the_template_are_in_order():
    root = Path(__file__).resolve().parents[3]
    assert not lint(root, ("base", "x2", "sample_raw_v1"), "not asked").failed
