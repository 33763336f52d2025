"""The whole pipeline as one Prefect flow over the graph that DVC owns: one task a stage.

    python -m flows.pipeline              # every stage
    python -m flows.pipeline evaluate     # that stage, and what it needs

Each task is a `dvc repro` of one stage, so DVC alone decides what is stale, and a cancelled or
failed run goes on where it was, from here or from the shell.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import networkx as nx
from prefect import State, flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from prefect.states import Completed

from flows import runtime
from flows.processes import reaped
from tasks import provenance

LIVE: set[subprocess.Popen[str]] = set()
OUTCOMES = {"didn't change, skipping": "Unchanged", "is cached - skipping run": "Restored"}
"""What DVC says of a stage that it need not run -> the name of the task's state."""


class StageFailedError(RuntimeError):
    """A stage of the pipeline ended with an error; its own log says why."""


# A served run loads this flow from its file alone, and resolves only builtins in its annotations.
@flow(name="pipeline")
def pipeline(targets: tuple[str, ...] = ()) -> dict[str, str]:
    """Bring the pipeline up to date.

    Args:
        targets: Stages to bring up to date, with all they need; every stage if empty.

    Returns:
        The outcome of each stage: Ran, Unchanged or Restored.

    Raises:
        StageFailedError: a stage failed; those after it were not started.
    """
    done: dict[str, State] = {}
    with reaped(LIVE):  # a cancelled run must leave neither dvc nor the training below it
        for stage, needs in _plan(targets).items():
            state = reproduce(stage, wait_for=[done[need] for need in needs], return_state=True)
            if not state.is_completed():
                raise StageFailedError(f"{state.message}; mend it, and run the pipeline again")
            done[stage] = state
    return {stage: str(state.name) for stage, state in done.items()}


@task(task_run_name="{stage}", cache_policy=NO_CACHE)
def reproduce(stage: str) -> State:
    """Run the stage if DVC finds it stale."""
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "--single-item", stage]
    process = subprocess.Popen(
        command,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    LIVE.add(process)
    assert process.stdout is not None
    outcome = "Ran"
    for line in process.stdout:
        get_run_logger().info(line.rstrip())
        outcome = next((name for words, name in OUTCOMES.items() if words in line), outcome)
    status = process.wait()
    LIVE.discard(process)
    if status:
        raise StageFailedError(f"{stage} failed, see logs/{stage}.log (dvc ended with {status})")
    return Completed(name=outcome)


def _plan(targets: Sequence[str]) -> dict[str, list[str]]:
    """Stage -> the stages it needs, each after those."""
    from dvc.repo import Repo

    with Repo() as repo:
        graph: nx.DiGraph[str] = nx.relabel_nodes(repo.index.graph, lambda stage: stage.addressing)
    if unknown := [target for target in targets if target not in graph]:
        raise ValueError(f"no stage {', '.join(unknown)} in dvc.yaml; it has: {', '.join(graph)}")
    wanted = {need for target in targets for need in nx.descendants(graph, target)} | set(targets)
    graph = graph.subgraph(wanted or graph.nodes)
    return {stage: list(graph.successors(stage)) for stage in nx.topological_sort(graph.reverse())}


def _environment() -> dict[str, str]:
    """This process's, where `python` is this one, and a stage hangs below this flow run."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {
        **os.environ,
        **runtime.child_environment(),
        provenance.PIPELINE: str(flow_run.id),
        "PATH": path,
        "PYTHONUNBUFFERED": "1",
    }


def main() -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m flows.pipeline")
    parser.add_argument("targets", nargs="*", help="stages to bring up to date; all if none")
    targets = parser.parse_args().targets
    try:
        outcomes = pipeline(tuple(targets))
    except (StageFailedError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    print("\n".join(f"{outcome:<10}{stage}" for stage, outcome in outcomes.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
