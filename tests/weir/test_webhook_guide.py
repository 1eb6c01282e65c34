"""The code of docs/guides/webhooks.md does what it says."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from weir.foundation.egress.signatures import new_signing_secret, signed_headers

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs/guides/webhooks.md").read_text()
BODY = orjson.dumps({"type": "stream.live", "data": {"title": "Straße – «شارع»"}})
NODE = shutil.which("node", path=f"{ROOT}/.setup/node/bin:{os.environ['PATH']}")


def code(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", GUIDE, re.S)
    return str(found)


def cases() -> list[tuple[dict[str, str], bytes, str, bool]]:
    """(headers, body, secret, whether it is right)."""
    secret, other, now = new_signing_secret("hmac"), new_signing_secret("hmac"), int(time.time())
    right = signed_headers([secret], "evt_1", now, BODY)
    return [
        (right, BODY, secret, True),
        (signed_headers([other, secret], "evt_1", now, BODY), BODY, secret, True),
        (right, BODY.replace(b"live", b"life"), secret, False),
        (right, BODY, other, False),
        (signed_headers([secret], "evt_1", now - 400, BODY), BODY, secret, False),
        ({**right, "webhook-id": "evt_2"}, BODY, secret, False),
    ]


PROGRAMS = {
    "python": (
        [sys.executable, "-c"],
        "import json, sys\n{code}\nasked = json.loads(sys.argv[1])\n"
        "receive(asked['body'].encode(), asked['headers'], asked['secret'])\n",
    ),
    "javascript": (
        [NODE or "", "--input-type=module", "-e"],
        "{code}\nconst asked = JSON.parse(process.argv[1]);\nreceive(asked.body, asked.headers, asked.secret);\n",
    ),
    "php": (
        ["php", "-r"],
        "{code}\n$asked = json_decode($argv[1], true);\nreceive($asked['body'], $asked['headers'], $asked['secret']);\n",
    ),
}


HERE = ["python", "javascript", *(["php"] if shutil.which("php") else [])]
"""Python and Node are installed by the set-up; PHP and Go are tried where they are."""


@pytest.mark.parametrize("language", HERE)
def test_a_sample_verifies(language: str) -> None:
    argv, frame = PROGRAMS[language]
    program = frame.replace("{code}", code(language))
    for headers, body, secret, right in cases():
        asked = orjson.dumps({"headers": headers, "body": body.decode(), "secret": secret}).decode()
        done = subprocess.run([*argv, program, asked], capture_output=True, text=True, check=False)
        assert (done.returncode == 0) is right, (headers, done.stderr)


MAIN = """
package main

import (
	"encoding/json"
	"net/http"
	"os"

	"weir.test/weir"
)

func main() {
	asked := struct {
		Headers      map[string]string
		Body, Secret string
	}{}
	if json.Unmarshal([]byte(os.Args[1]), &asked) != nil {
		os.Exit(3)
	}
	header := http.Header{}
	for name, value := range asked.Headers {
		header.Set(name, value)
	}
	if weir.Verify([]byte(asked.Body), header, asked.Secret) != nil {
		os.Exit(1)
	}
}
"""

if shutil.which("go"):

    def test_the_go_sample_verifies(tmp_path: Path) -> None:
        (tmp_path / "weir").mkdir()
        (tmp_path / "weir" / "weir.go").write_text(code("go"))
        (tmp_path / "main.go").write_text(MAIN)
        (tmp_path / "go.mod").write_text("module weir.test\n\ngo 1.20\n")
        built = subprocess.run(
            ["go", "build", "-o", "check", "."], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert built.returncode == 0, built.stderr
        for headers, body, secret, right in cases():
            asked = orjson.dumps({"headers": headers, "body": body.decode(), "secret": secret}).decode()
            done = subprocess.run([str(tmp_path / "check"), asked], capture_output=True, check=False)
            assert done.returncode == (0 if right else 1), headers


def test_every_page_that_it_names_exists() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", GUIDE):
        assert (ROOT / "docs/guides" / target).exists(), target
