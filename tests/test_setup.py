"""The Makefile's environment is of one extra, and its locks are of one build of torch each."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TAG = f"cp{sys.version_info[0]}{sys.version_info[1]}"
EXTRAS = ("cpu", "gpu", "dev", "bench", "scale", "frontier", "smollm2", "screens")
PINS = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==(\S+)", re.MULTILINE)


def make(*words: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    # `make test` runs these tests: what it was told is not for the makes below it, which would
    # also say that they are not the first.
    told = ("EXTRA", "VENV", "PY", "TESTS", "MAKEFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "MFLAGS")
    own = {key: value for key, value in os.environ.items() if key not in told}
    return subprocess.run(
        ["make", f"PY={sys.executable}", *words],
        cwd=cwd,
        env=own | environment,
        capture_output=True,
        text=True,
    )


def plan(venv: Path, *words: str) -> str:
    return make("--dry-run", "setup", f"VENV={venv}", *words).stdout


@pytest.mark.parametrize("there", ["cpu", "gpu"])
@pytest.mark.parametrize("asked", ["cpu", "gpu"])
def test_an_environment_of_the_other_extra_is_made_anew(
    tmp_path: Path, there: str, asked: str
) -> None:
    (tmp_path / f".ready-{there}").touch()
    lines = plan(tmp_path, f"EXTRA={asked}").splitlines()
    cleared = [line for line in lines if line.endswith(f"-m venv --clear {tmp_path}")]
    assert len(cleared) == (there != asked)
    assert bool(lines[1:]) == (there != asked), "one that is ready is left alone"


@pytest.mark.parametrize("there", ["cpu", "gpu"])
def test_the_extra_that_is_there_is_the_default(tmp_path: Path, there: str) -> None:
    (tmp_path / f".ready-{there}").touch()
    assert "Nothing to be done" in plan(tmp_path)


def test_a_new_environment_is_of_the_machines_extra(tmp_path: Path) -> None:
    assert re.search(r"--requirements requirements/(cpu|gpu)\.lock", plan(tmp_path))


@pytest.mark.parametrize("ends", ["exit 1", "kill -INT $PPID; sleep 1"])
def test_an_interrupted_setup_has_left_its_mark(tmp_path: Path, ends: str) -> None:
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin/python"
    python.write_text(f"#!/bin/sh\n{ends}\n")
    python.chmod(0o755)
    assert make("setup", "EXTRA=cpu", f"VENV={tmp_path}").returncode
    assert f"-m venv --clear {tmp_path}" in plan(tmp_path, "EXTRA=gpu")
    again = plan(tmp_path, "EXTRA=cpu")
    assert "requirements/cpu.lock" in again
    assert "--clear" not in again


def test_making_it_anew_leaves_nothing(tmp_path: Path) -> None:
    """The environment's own Python is first in PATH, so it may be the one that clears it."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (package := venv / "lib/vllm.py").touch()
    subprocess.run(
        [venv / "bin/python", "-m", "venv", "--clear", "--without-pip", venv], check=True
    )
    assert not package.exists()
    assert (venv / "bin/python").exists()


def wheel(folder: Path, version: str, tag: str) -> None:
    """A package torch that holds nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"torch-{version}.dist-info"
    files = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = ""
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        record += f"{name},sha256={digest.decode()},{len(text)}\n"
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    with zipfile.ZipFile(folder / f"torch-{version}-{tag}.whl", "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that needs torch alone, an index that has the plain one, and a folder of wheels."""
    root = tmp_path / "project"
    (root / "requirements").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", root)
    extras = "".join(f'{name} = ["torch"]\n' for name in EXTRAS)
    (root / "pyproject.toml").write_text(
        '[project]\nname = "toy"\nversion = "1"\nrequires-python = ">=3.11"\n'
        f"[project.optional-dependencies]\n{extras}"
    )
    for name in ("cpu", "gpu"):
        (root / f"requirements/{name}.lock").touch()
    wheel(tmp_path / "index/torch", "2.1", "py3-none-any")
    (found,) = (tmp_path / "index/torch").glob("*.whl")
    (tmp_path / "index/torch/index.html").write_text(f'<a href="{found.name}">{found.name}</a>')
    wheel(tmp_path / "wheels", "2.1+cpu", f"{TAG}-{TAG}-linux_x86_64")
    tools = root / ".venv/bin"
    tools.mkdir(parents=True)
    (tools / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (tools / "python").chmod(0o755)
    (tools / "uv").symlink_to(Path(sys.executable).parent / "uv")
    (root / ".venv/.ready-cpu").touch()
    folders = f"{tmp_path}/none\n    {tmp_path}/wheels"
    (tmp_path / "pip.conf").write_text(f"[global]\nfind-links =\n    {folders}\n")
    return root


def lock(project: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    at = project.parent
    environment |= {"UV_DEFAULT_INDEX": f"file://{at}/index", "UV_CACHE_DIR": f"{at}/cache"}
    return make("lock", cwd=project, **environment)


needs_uv = pytest.mark.skipif(
    not (Path(sys.executable).parent / "uv").exists() or TAG != "cp311",
    reason="locks by uv, beside this Python, for Python 3.11",
)


@needs_uv
@pytest.mark.parametrize("known", ["PIP_CONFIG_FILE", "PIP_FIND_LINKS"])
@pytest.mark.parametrize("uv_knows", [False, True])
def test_each_lock_has_its_build_of_torch(project: Path, known: str, uv_knows: bool) -> None:
    wheels, none = f"{project.parent}/wheels", f"{project.parent}/none"
    found = {"PIP_CONFIG_FILE": f"{project.parent}/pip.conf", "PIP_FIND_LINKS": none}
    if known == "PIP_FIND_LINKS":
        found = {"PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": wheels}
    done = lock(project, **found, **({"UV_FIND_LINKS": wheels} if uv_knows else {}))
    assert done.returncode == 0, done.stderr
    assert (project / "requirements/cpu.lock").read_text() == "torch==2.1+cpu\n"
    assert re.fullmatch(
        r"torch==2\.1 \\\n    --hash=sha256:\w{64}\n",
        (project / "requirements/gpu.lock").read_text(),
    )


@needs_uv
def test_a_lock_of_the_wrong_build_is_not_written(project: Path) -> None:
    settings = project.parent / "uv.toml"
    settings.write_text(f'find-links = ["{project.parent}/wheels"]\n')
    known = {"PIP_CONFIG_FILE": f"{project.parent}/pip.conf"}
    done = lock(project, UV_CONFIG_FILE=str(settings), **known)
    assert done.returncode
    assert "torch is of another build than gpu's" in done.stderr
    assert (project / "requirements/gpu.lock").read_text() == ""


def pins(extra: str) -> dict[str, str]:
    return dict(PINS.findall((ROOT / f"requirements/{extra}.lock").read_text()))


def pretend(venv: Path, python: str, packages: dict[str, str]) -> None:
    """An environment in which these packages seem to be installed."""
    subprocess.run([python, "-m", "venv", "--without-pip", venv], check=True)
    (site,) = venv.glob("lib/python*/site-packages")
    for name, version in packages.items():
        folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (folder / "METADATA").write_text(text)
        (folder / "RECORD").touch()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("asked", ["gpu", "cpu"])
def test_a_switch_would_install_the_whole_lock(tmp_path: Path, asked: str) -> None:
    python = f"python3.{sys.version_info.minor}"
    other = "cpu" if asked == "gpu" else "gpu"
    pretend(tmp_path, python, pins(other))
    (tmp_path / f".ready-{other}").touch()
    steps = plan(tmp_path, f"EXTRA={asked}", f"PY={python}")
    steps = steps.replace("--quiet --no-deps --compile-bytecode", "--dry-run --no-deps")
    steps = re.sub(r"^.*--editable \.\n", "", steps, flags=re.MULTILINE)
    done = subprocess.run(["bash", "-euc", steps], cwd=ROOT, capture_output=True, text=True)
    if "Failed to fetch" in done.stderr or "No matching distribution found for uv" in done.stderr:
        pytest.skip(f"a registry is out of reach: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr
    planned = dict(re.findall(r"^ \+ ([\w.-]+)==(\S+)$", done.stderr, re.MULTILINE))
    assert planned == pins(asked)
