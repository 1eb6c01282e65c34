"""Children that end with their parent."""

import os
import subprocess
import sys
from pathlib import Path

from weir.foundation.child_process import tethered


def test_a_tethered_child_runs_as_itself() -> None:
    """Arguments arrive as given, and the process id is the one that was started."""
    child = subprocess.Popen(
        tethered([sys.executable, "-c", "import os, sys; print(os.getpid(), sys.argv[1])", "a 'b' $c"]),
        stdout=subprocess.PIPE,
    )
    assert child.communicate()[0].decode() == f"{child.pid} a 'b' $c\n"


def test_a_child_whose_parent_died_before_it_could_ask_does_not_run(tmp_path: Path) -> None:
    """kill -9 between fork and the request for the death signal: no signal will come, so the child ends by
    itself."""
    mark = tmp_path / "ran"
    argv = tethered(["touch", str(mark)])
    assert subprocess.run(argv, check=False).returncode == 0
    mark.unlink()
    argv[argv.index(str(os.getpid()))] = "1"  # as if another process had started it
    assert subprocess.run(argv, check=False).returncode != 0
    assert not mark.exists()
