"""Our signatures against the reference libraries of Standard Webhooks, in Python and JavaScript."""

import random
import shutil
import subprocess
import time
from pathlib import Path

import orjson
from standardwebhooks.webhooks import Webhook

from weir.foundation.egress.signatures import new_signing_secret, signed_headers

ROOT = Path(__file__).resolve().parents[2]
COUNT = 1_000
NODE = shutil.which("node", path=f"{ROOT}/.setup/node/bin:/usr/bin:/usr/local/bin") or "node"
VERIFY = """
import { readFileSync } from 'node:fs';
import { Webhook } from 'standardwebhooks';
const answers = JSON.parse(readFileSync(0)).map(({ secret, headers, body }) => {
  try { new Webhook(secret).verify(body, headers); return true; } catch { return false; }
});
console.log(JSON.stringify(answers));
"""
SIGN = """
import { readFileSync } from 'node:fs';
import { Webhook } from 'standardwebhooks';
const signed = JSON.parse(readFileSync(0)).map(({ secret, id, time, body }) => new Webhook(secret).sign(id, new Date(time * 1000), body));
console.log(JSON.stringify(signed));
"""


def bodies() -> list[str]:
    """JSON texts with characters of every kind."""
    draw = random.Random(18)
    letters = 'aZ0 "\\/{}[]:,\n\t\u00e9\u4e2d\u0627\U0001f600\u202e\u0000'
    return [
        orjson.dumps(
            {"type": "custom.x", "data": "".join(draw.choices(letters, k=draw.randrange(400)))}
        ).decode()
        for _ in range(COUNT)
    ]


def node(program: str, asked: list[dict[str, object]]) -> list[object]:
    done = subprocess.run(
        [NODE, "--input-type=module", "-e", program], input=orjson.dumps(asked), capture_output=True, check=True,
        cwd=ROOT / ".setup/linters",
    )  # fmt: skip
    return list(orjson.loads(done.stdout))


def test_the_libraries_accept_what_we_sign() -> None:
    """A thousand bodies; none with a character changed, and none under another id."""
    secret, now = new_signing_secret("hmac"), int(time.time())
    asked: list[dict[str, object]] = []
    for number, body in enumerate(bodies()):
        headers = signed_headers([new_signing_secret("hmac"), secret], f"evt_{number}", now, body.encode())
        Webhook(secret).verify(body, headers)
        asked += [
            {"secret": secret, "headers": headers, "body": body},
            {"secret": secret, "headers": headers, "body": body.replace("custom", "costum")},
            {"secret": secret, "headers": {**headers, "webhook-id": "evt_x"}, "body": body},
        ]
    assert node(VERIFY, asked) == [True, False, False] * COUNT


def test_we_sign_as_the_library_signs() -> None:
    secret, now = new_signing_secret("hmac"), int(time.time())
    texts = bodies()
    theirs = node(
        SIGN,
        [{"secret": secret, "id": f"evt_{n}", "time": now, "body": body} for n, body in enumerate(texts)],
    )
    ours = [
        signed_headers([secret], f"evt_{n}", now, body.encode())["webhook-signature"]
        for n, body in enumerate(texts)
    ]
    assert theirs == ours
