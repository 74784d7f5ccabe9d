"""All rules on the lists of a repository, put together: what `t4zoo dataset lint` tells."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from t4zoo.errors import UsageError
from t4zoo.t4.datasets.bump import check_bumped
from t4zoo.t4.datasets.entries import Written, parse_list
from t4zoo.t4.datasets.finding import Finding, order
from t4zoo.t4.datasets.names import check_names
from t4zoo.t4.datasets.places import PRODUCTS, Places, read_places
from t4zoo.t4.datasets.presence import check_present, check_unlisted
from t4zoo.t4.datasets.products import Named, Product, read_products
from t4zoo.t4.datasets.tree import WorkingTree
from t4zoo.t4.datasets.twice import check_twice

# A list's path -> the newest tag that has the file, and its bytes there; None where no tag has it.
LastTagged = Callable[[str], tuple[str, bytes] | None]


@dataclass(frozen=True)
class Linted:
    """datasets: the names of the lists that were looked at. findings: the gravest first."""

    datasets: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> bool:
        """Whether there is an error among the findings."""
        return any(finding.severity == "error" for finding in self.findings)


def lint(root: Path, chosen: Collection[str], last_tagged: LastTagged | str) -> Linted:
    """Look at the lists of the repository at `root`, or at those that `chosen` names: datasets, or all of a product.

    last_tagged: a text where nothing older can be asked for, which says why. Raises UsageError for another name.
    """
    tree = WorkingTree(root)
    places = read_places(tree)
    products = read_products(tree, PRODUCTS, places.lists)
    files = [name for name in tree.names(places.lists) if name.endswith(".yaml")]
    own = [Named(name.removesuffix(".yaml"), places.lists, ()) for name in files]
    paths = {named.path: named for named in (*own, *(named for product in products for named in product.datasets))}
    lists = {path: _read(tree, named) for path, named in sorted(paths.items())}
    wanted = _wanted(chosen, products, paths)
    findings = [*_products(products), *_missing(products, lists, places, root)]
    for path, written in lists.items():
        if written is not None and written.name in wanted:
            findings += _alone(written)
            findings += _since(path, written, last_tagged)
    findings += _together(products, lists)
    findings += _on_disk(root, places, lists, wanted, not chosen)
    if isinstance(last_tagged, str):
        findings.append(Finding("version-not-compared", places.lists, last_tagged, datasets=tuple(sorted(wanted))))
    told = {finding for finding in findings if not chosen or wanted.intersection(finding.datasets)}
    return Linted(tuple(sorted(wanted)), tuple(sorted(told, key=order)))


def _read(tree: WorkingTree, named: Named) -> Written | None:
    content = tree.read(named.path)
    return None if content is None else parse_list(named.name, named.path, content)


def _wanted(chosen: Collection[str], products: Sequence[Product], paths: dict[str, Named]) -> set[str]:
    names = {named.name for named in paths.values()}
    if not chosen:
        return names
    of_product = {product.name: {named.name for named in product.datasets} for product in products}
    if unknown := sorted(set(chosen) - names - of_product.keys()):
        known = " ".join(sorted(names)) or "none", " ".join(sorted(of_product)) or "none"
        raise UsageError(
            f"{' '.join(unknown)}: neither a dataset nor a product; datasets: {known[0]}; products: {known[1]}"
        )
    return {name for one in chosen for name in ({one} if one in names else of_product[one])}


def _products(products: Sequence[Product]) -> Iterator[Finding]:
    for product in products:
        for finding in product.findings:
            names = tuple(sorted({named.name for named in product.datasets}))
            yield Finding(finding.rule, finding.where, finding.what, finding.cure, finding.datasets or names)


def _missing(
    products: Sequence[Product], lists: dict[str, Written | None], places: Places, root: Path
) -> Iterator[Finding]:
    for product in products:
        for named in product.datasets:
            if lists[named.path] is not None:
                continue
            what, folder = f"names the dataset {named.name}, and {named.path} is not there", root / named.lists
            if named.lists != places.lists and not folder.is_dir():
                cure = f"`dvc repro` makes {named.lists} where params.yaml builds it, and `dvc pull` brings it"
                yield Finding("list-not-made", product.where, what, cure, (named.name,))
            else:
                known = ", ".join(sorted(path.stem for path in folder.glob("*.yaml"))) or "none"
                cure = f"add the list, or name another; those there: {known}"
                yield Finding("list-missing", product.where, what, cure, (named.name,))


def _alone(written: Written) -> Iterator[Finding]:
    yield from written.findings
    yield from check_names(written)
    yield from check_twice(written.entries, written.name)


def _since(path: str, written: Written, last_tagged: LastTagged | str) -> Iterator[Finding]:
    found = None if isinstance(last_tagged, str) else last_tagged(path)
    if found is not None and not any(finding.rule == "list-not-yaml" for finding in written.findings):
        tag, content = found
        yield from check_bumped(parse_list(written.name, written.where, content), written, tag)


def _together(products: Sequence[Product], lists: dict[str, Written | None]) -> Iterator[Finding]:
    """What only several lists do: one list alone is looked at once, not again for each product."""
    for product in products:
        entries = [
            entry
            for named in product.datasets
            if (written := lists[named.path]) is not None
            for entry in written.entries
            if entry.split in named.splits
        ]
        who = f"the product {product.name}"
        yield from (finding for finding in check_twice(entries, who) if len(finding.datasets) > 1)


def _on_disk(
    root: Path, places: Places, lists: dict[str, Written | None], wanted: Collection[str], everything: bool
) -> Iterator[Finding]:
    data_root = root / places.data_root
    if not data_root.is_dir():
        cure = "fetch the scenes to have them looked for"
        yield Finding("data-not-here", places.data_root, "is not there", cure, tuple(sorted(wanted)))
        return
    there = [(path, written) for path, written in lists.items() if written is not None and written.name in wanted]
    found: list[Finding] = []
    for path, written in there:
        found += check_present(written, data_root, (root / path).parent)
    listed = {written.name: {entry.scene.id for entry in written.entries} for _, written in there}
    found += check_unlisted(data_root, listed, everything)
    for one in found:
        where, what, cure = (text.replace(f"{root}/", "") for text in (one.where, one.what, one.cure))
        yield Finding(one.rule, where, what, cure, one.datasets)
