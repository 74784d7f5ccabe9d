"""A file that cannot be written whole is not there at all, and its name is told."""

import subprocess
import sys
from pathlib import Path

FULL = """
import resource, sys
from pathlib import Path
from t4zoo.whole import whole
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with whole(Path(sys.argv[1])) as temporary, temporary.open("wb") as file:
        file.write(bytes(2000))
        file.flush()
except OSError as error:
    print(error.filename)
"""


def test_where_there_is_no_room_the_file_is_named_and_nothing_is_left(tmp_path: Path):
    path = tmp_path / "kept" / "piece"
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == f"{path}\n"
    assert list(path.parent.iterdir()) == []
