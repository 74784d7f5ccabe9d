"""`python -m benchmarks.gpu`, tried on the CPU with small networks."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from benchmarks.gpu import ALGORITHMS, main


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_page_has_a_row_of_figures_for_every_way_and_tells_where_time_goes(algorithm: str, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    page = tmp_path / "page.md"
    asked = ["--device", "cpu", "--size", "tiny", "--quick", "--batch", "1", "2", "--algorithm", algorithm]
    main([*asked, "--out", str(page)])
    text = page.read_text()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    ways = [row for row in rows if "fp32" in row or "bf16 AMP" in row]
    assert [(row[0], row[1], row[3]) for row in ways] == [
        (batch, precision, last) for batch in "12" for precision in ("fp32", "bf16 AMP") for last in ("", "yes")
    ]
    assert all(float(figure) > 0 for row in ways for figure in row[4:7])
    assert "Where a step of batch 2 in fp32 goes: voxels " in text and "`aten::" in text
    assert {row[0] for row in rows if len(row) == 4} >= {"disk", "memory"}


def test_a_network_that_cannot_be_built_here_is_a_row_that_says_why(tmp_path: Path) -> None:
    if find_spec("spconv"):
        pytest.skip("spconv is installed")
    page = tmp_path / "page.md"
    main(
        ["--device", "cpu", "--size", "base", "--quick", "--batch", "1", "--algorithm", "BEVFusion", "--out", str(page)]
    )
    assert "which needs spconv" in page.read_text()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_choice_is_told_in_one_line() -> None:
    with pytest.raises(SystemExit, match=r"^error: there is no GPU here; --device cpu"):
        main([])
