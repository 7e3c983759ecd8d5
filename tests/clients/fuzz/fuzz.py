"""Fuzzes the API and the operator's API from the documents that the server gives of itself.

Both documents must be valid OpenAPI. Then requests are made of them, right and wrong ones, and every answer must be one
that the document describes, and none a failure of the server. `../run` starts the server and counts the lines.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from openapi_spec_validator import validate

HERE = Path(__file__).parent
URL = os.environ["VESTIBULE_URL"]
SECONDS = os.environ["FUZZ_SECONDS"]
SEED = os.environ["FUZZ_SEED"]

# Content that only a rule of the domain refuses is not described, so that what is described may still be refused.
LEFT_OUT = "positive_data_acceptance"

DOCUMENTS = [
    ("the API", "/openapi.json", os.environ["VESTIBULE_API_KEY"]),
    ("the operator's API", "/admin/v1/openapi.json", os.environ["VESTIBULE_ADMIN_TOKEN"]),
]


def fetch(path: str, key: str) -> dict:
    """The document at this path."""
    request = urllib.request.Request(URL + path, headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def fuzz(path: str, key: str) -> bool:
    """Makes requests of the document at this path; says whether every answer was as it should be."""
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "--config-file",
        str(HERE / "schemathesis.toml"),
        "run",
        URL + path,
        "--url",
        URL,
        "--header",
        f"Authorization: Bearer {key}",
        "--seed",
        SEED,
        "--max-time",
        SECONDS,
        "--max-examples",
        "20",
        "--workers",
        "1",
        "--checks",
        "all",
        "--exclude-checks",
        LEFT_OUT,
        "--generation-database",
        "none",
        "--continue-on-failure",
        "--warnings",
        "off",
        "--no-color",
    ]
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE)}
    # What it keeps for its next run would make that one another.
    with tempfile.TemporaryDirectory() as folder:
        ended = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        for line in (ended.stdout + ended.stderr).splitlines():
            print(line[:1_000], flush=True)
    return ended.returncode == 0


def main() -> int:
    """Runs everything; the exit code says whether all of it held."""
    failed = 0
    for name, path, key in DOCUMENTS:
        for sentence, step in [
            ("the document of {} is valid OpenAPI 3.1", lambda: validate(fetch(path, key)) is None),
            ("every answer of {} is as described", lambda: fuzz(path, key)),
        ]:
            told = sentence.format(name)
            try:
                held = step()
            except Exception as error:  # what a document breaks is told like what it says wrongly
                held = False
                told = f"{told}: {type(error).__name__}: {error}"
            failed += not held
            print(f"{'ok  ' if held else 'FAIL'} fuzz: {told}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
