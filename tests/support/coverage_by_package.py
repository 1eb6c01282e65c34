"""The coverage of the fast suite, one line a package: `python -m tests.support.coverage_by_package FILE`, with
the file that `coverage json` writes."""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def package_of(file: str) -> str:
    """The folder of a module, which is its package: control/streams/rules.py belongs to control.streams."""
    return ".".join(Path(file).parts[:-1])


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Statements, those that no test ran, and the covered share, of each package and of all."""
    statements: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    for file, result in report["files"].items():
        for name in (package_of(file), "all"):
            statements[name] += result["summary"]["num_statements"]
            missing[name] += result["summary"]["missing_lines"]
    width = max(map(len, statements))
    yield f"{'package':{width}} statements missing covered"
    for name in [*sorted(set(statements) - {"all"}), "all"]:
        share = 1 - missing[name] / max(1, statements[name])
        yield f"{name:{width}} {statements[name]:10} {missing[name]:7} {share:7.1%}"


if __name__ == "__main__":
    print("\n".join(lines(json.loads(Path(sys.argv[1]).read_text()))))
