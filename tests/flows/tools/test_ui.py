"""The server of Prefect answers its own pages alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from flows.tools.ui import own_origin

ASK = """
from fastapi.testclient import TestClient
from prefect.server.api.server import create_app
client = TestClient(create_app(), base_url="http://127.0.0.1:4200")
for origin in ("http://127.0.0.1:4200", "http://localhost:4200", "https://elsewhere.org", "null"):
    asks = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    asked = client.options("/api/deployments/filter", headers=asks)
    print(origin, asked.headers.get("access-control-allow-origin"))
"""


def test_pages_of_other_origins_are_refused(tmp_path: Path) -> None:
    own = {**own_origin("http://127.0.0.1:4200"), "PREFECT_HOME": str(tmp_path)}
    asked = subprocess.run(
        [sys.executable, "-c", ASK],
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        check=True,
    )
    assert asked.stdout.split("\n")[:-1] == [
        "http://127.0.0.1:4200 http://127.0.0.1:4200",
        "http://localhost:4200 http://localhost:4200",
        "https://elsewhere.org None",
        "null None",
    ]
