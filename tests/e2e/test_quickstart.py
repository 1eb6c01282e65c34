"""docs/quickstart.md, as a stranger pastes it."""

import re
import subprocess

from tests.support.running_stack import ROOT, RunningStack


def test_the_quick_start_works_as_it_is_written() -> None:
    """Every block, in one shell, in order: account, app, key, stream, publish, watch, chat, event."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs/quickstart.md").read_text(), re.S | re.M)
    stack = RunningStack(LADDER="[360]", RECORDING="false")
    try:
        stack.start()
        setup = stack.card()["studio"].partition("#setup=")[2]
        script = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n" + "\n".join(blocks)
        run = subprocess.run(
            ["bash", "-c", script], env={**stack.environment(), "WEIR": f"http://127.0.0.1:{stack.http}", "SETUP": setup},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
        assert '"publishing": true' in run.stdout
        assert "#EXTM3U" in run.stdout
        assert "Ann: Hello!" in run.stdout
    finally:
        stack.stop()
        stack.remove()
