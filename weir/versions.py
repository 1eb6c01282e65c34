"""Asks installed programs for their versions."""

import subprocess


def version_of(program: str, argument: str) -> str:
    """What `program ARGUMENT` prints; empty when it does not answer within 5 s."""
    try:
        done = subprocess.run([program, argument], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr
