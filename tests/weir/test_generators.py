"""What others make of the API's descriptions: linters find nothing, and clients are generated without a
warning."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.running_stack import ROOT, RunningStack

TOOLS = ROOT / ".setup/generators/bin"
NODE = ROOT / ".setup/linters/node_modules/.bin"
RULES = ROOT / "tests/linters"
CONFIG = "content_type_overrides:\n  image/jpeg: application/octet-stream\npost_hooks: []\n"


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The descriptions, as a running stack gives them: openapi.json and asyncapi.json in one folder."""
    stack, folder = RunningStack(), tmp_path_factory.mktemp("described")
    try:
        stack.start()
        for name in ("openapi.json", "asyncapi.json"):
            status, document = stack.get(f"/v1/{name}")
            assert status == 200
            (folder / name).write_text(json.dumps(document))
        yield folder / "openapi.json"
    finally:
        stack.stop()
        stack.remove()


def test_it_is_valid(described: Path) -> None:
    """By OpenAPI's own schema."""
    done = subprocess.run(
        [TOOLS / "openapi-spec-validator", described], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, f"{described}: OK")


def test_a_client_is_generated_without_a_warning(described: Path) -> None:
    """Every operation with its answer: names are unique, and nothing is left out."""
    folder = described.parent
    (folder / "config.yaml").write_text(CONFIG)
    argv: list[Any] = [
        TOOLS / "openapi-python-client",
        "generate",
        "--path",
        described,
        "--output-path",
        folder / "client",
        "--config",
        folder / "config.yaml",
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stdout + done.stderr, done.stdout + done.stderr
    operations = [
        one for path in json.loads(described.read_text())["paths"].values() for one in path.values()
    ]
    made = {path.stem for path in (folder / "client").rglob("api/*/*.py") if path.stem != "__init__"}
    assert len(made) == len(operations)


def test_every_operation_says_what_it_does(described: Path) -> None:
    """A summary, a description, who may ask, and a tag that is explained."""
    document = json.loads(described.read_text())
    tags = {one["name"]: one["description"] for one in document["tags"]}
    for path, verbs in document["paths"].items():
        for verb, one in verbs.items():
            assert one["summary"] and one["description"] and "security" in one, (verb, path)
            assert all(len(tags[name]) > len(name) + 1 for name in one["tags"]), (verb, path, one["tags"])


def tool(*words: str | Path, cwd: Path) -> str:
    """What one of the tools of Node.js says; it must succeed."""
    node = ROOT / ".setup/node/bin"
    environment = {
        **os.environ,
        "PATH": f"{node}:{os.environ['PATH']}",
        "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        [NODE / words[0], *words[1:]],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", ["openapi", "asyncapi"])
def test_spectral_finds_nothing(described: Path, name: str) -> None:
    """No error, no warning."""
    rules = RULES / f"{name}.spectral.yaml"
    tool(
        "spectral",
        "lint",
        described.with_name(f"{name}.json"),
        "--ruleset",
        rules,
        "--fail-severity",
        "warn",
        cwd=described.parent,
    )


def test_redocly_finds_nothing(described: Path) -> None:
    """By the recommended rules, each of them an error."""
    said = tool(
        "redocly",
        "lint",
        described,
        "--config",
        RULES / "redocly.yaml",
        "--format",
        "json",
        cwd=described.parent,
    )
    assert json.loads(said[said.index("{") : said.rindex("}") + 1])["totals"] == {
        "errors": 0,
        "warnings": 0,
        "ignored": 0,
    }


def test_a_typescript_client_is_generated_without_a_warning(described: Path) -> None:
    """And is accepted by the compiler, strictly."""
    folder = described.parent
    said = tool(
        "openapi-ts", "-i", described, "-o", folder / "typescript", "-c", "@hey-api/client-fetch", cwd=folder
    )
    assert "Done" in said
    assert "warn" not in said.lower()
    tool(
        "tsc", "--noEmit", "--strict", "--skipLibCheck", "--ignoreConfig", "--module", "esnext", "--moduleResolution", "bundler",
        "--target", "es2022", "--lib", "es2022,dom,dom.iterable", folder / "typescript/index.ts",
        folder / "typescript/sdk.gen.ts", cwd=folder,
    )  # fmt: skip


def test_every_header_is_described_once(described: Path) -> None:
    """And referred to: every answer has its request id, what is limited says how much is left, 201 says
    where."""
    document = json.loads(described.read_text())
    known = document["components"]["headers"]
    answers = [*document["components"]["responses"].values()]
    for path, verbs in document["paths"].items():
        for verb, one in verbs.items():
            for status, answer in one["responses"].items():
                if "$ref" not in answer:
                    answers.append(answer)
                    assert "RateLimit" in answer["headers"], (verb, path, status)
    for answer in answers:
        assert "X-Request-Id" in answer["headers"]
        assert all(
            header == {"$ref": f"#/components/headers/{name}"} and name in known
            for name, header in answer["headers"].items()
        )
    assert "Location" in document["paths"]["/v1/streams"]["post"]["responses"]["201"]["headers"]
    assert {"ETag"} <= set(document["paths"]["/v1/streams/{stream}"]["get"]["responses"]["200"]["headers"])
    changing = [
        (path, verbs["patch"])
        for path, verbs in document["paths"].items()
        if "patch" in verbs and not path.startswith("/v1/vod")
    ]
    assert len(changing) > 8
    for path, one in changing:
        assert any(parameter["name"] == "If-Match" for parameter in one["parameters"]), path
        assert "304" in document["paths"][path]["get"]["responses"], path


def test_a_location_is_an_address_of_the_api(described: Path) -> None:
    """Where something is made under a collection, it can be read, changed or removed under its id."""
    document = json.loads(described.read_text())
    shapes = {re.sub(r"{\w+}", "{}", path) for path in document["paths"]}
    for path, verbs in document["paths"].items():
        made = verbs.get("post", {}).get("responses", {}).get("201", {})
        if "Location" in made.get("headers", {}) and not re.search(
            r"/(keys/.*|recordings|accept|adopt)$", path
        ):
            assert re.sub(r"{\w+}", "{}", path) + "/{}" in shapes, path


def test_the_page_on_lists_names_every_filter(described: Path) -> None:
    """docs/lists.md against the description; lists that it does not name take nothing but their pages."""
    listed = dict(
        re.findall(r"^\| `(/v1/[^`]+)` \|[^|]*\| (.*) \|$", (ROOT / "docs/lists.md").read_text(), re.M)
    )
    document = json.loads(described.read_text())
    for path, verbs in document["paths"].items():
        parameters = {
            one["name"] for one in verbs.get("get", {}).get("parameters", []) if one["in"] == "query"
        }
        if "limit" not in parameters:
            continue
        filters = parameters - {"limit", "cursor", "format"}
        told = set(re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", listed.pop(path, ""))))
        assert told == filters or path.startswith("/v1/operator/"), path
    assert not listed
