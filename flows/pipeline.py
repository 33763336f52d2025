"""The whole pipeline as one Prefect flow over the graph that DVC owns: one task per stage.

    python -m flows.pipeline              # every stage
    python -m flows.pipeline evaluate     # that stage, and the stages it needs

Each task is a `dvc repro` of one stage, so DVC alone decides which stages are stale, and a
cancelled or failed run can be continued here or from the shell. A run with overrides is one
`dvc exp run --temp`, which does not change the workspace. prefect.yaml deploys the flows below.
"""

# Annotations stay objects: a served run loads this file alone, where Prefect resolves no names.
# The UI reads the description of a parameter from the docstring's Args.

import argparse
import sys
from collections.abc import Sequence
from typing import Annotated

import networkx as nx
from prefect import State, flow, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import WithJsonSchema

from dialogue.endpoints.proxies import bypass_loopback, require_usable
from dialogue.progress import any_terminal
from flows import params
from flows.overrides import Overrides, RoundOverrides
from flows.server import artifacts
from flows.server.dvc_process import LIVE, StageFailedError, run_dvc
from flows.server.one_at_a_time import one_at_a_time
from services.processes import reaped

STAGES = [
    "fetch",
    "validate",
    "convert",
    "bootstrap",
    "start",
    "harvest",
    "extract",
    "train",
    "continue",
    "evaluate",
    "baseline",
    "benchmarks",
    "gate",
    "compare",
    "register",
]
Target = Annotated[str, WithJsonSchema({"type": "string", "enum": STAGES})]
"""A stage of dvc.yaml, chosen from a list in the UI."""
NOTHING = RoundOverrides()


@flow(name="pipeline")
def pipeline(
    targets: tuple[Target, ...] = (),
    overrides: RoundOverrides = NOTHING,
) -> dict[str, str]:
    """Bring the pipeline up to date.

    Args:
        targets: Stages to bring up to date, with all stages that they need; all if empty.
        overrides: Values that replace those of params.yaml, for this run only.

    Returns:
        The outcome of each stage: Ran, Unchanged or Restored.

    Raises:
        StageFailedError: a stage failed; later stages were not started.
    """
    return _bring_up_to_date(targets, overrides, artifacts.everything)


@flow(name="harvest-and-train")
def harvest_and_train(overrides: RoundOverrides = NOTHING) -> dict[str, str]:
    """Harvest, extract and train in every round, but do not evaluate the last one.

    Args:
        overrides: Values that replace those of params.yaml, for this run only.
    """
    return _bring_up_to_date(["train", "continue"], overrides, artifacts.outcomes)


@flow(name="evaluate-only")
def evaluate_only(
    force: bool = False,
    overrides: Overrides = Overrides(),  # noqa: B008  (frozen)
) -> dict[str, str]:
    """Evaluate the existing policies and let the gates decide; no other stage is run.

    Args:
        force: Play every dialogue and benchmark again, even if nothing changed.
        overrides: Values that replace those of params.yaml, for this run only.
    """
    options = ["--single-item", *(["--force"] if force else [])]
    stages = ["evaluate", "baseline", "benchmarks", "gate", "compare", "register"]
    return _bring_up_to_date(stages, overrides, artifacts.everything, options)


def _bring_up_to_date(
    targets: Sequence[str],
    overrides: Overrides,
    show: artifacts.Show,
    options: Sequence[str] = (),
) -> dict[str, str]:
    changes = overrides.assignments()
    if changes:
        params.check(overrides=changes)
    plan = _plan(targets, alone=bool(options))
    # A cancelled run must leave neither dvc nor a training process behind.
    with one_at_a_time(), reaped(LIVE):
        if changes:
            name = str(flow_run.name)
            stages = list(plan) if targets else []
            experiment(name, changes, [*options, *stages])
            outcomes, revision = {f"experiment {name}": "Ran"}, name
        else:
            outcomes, revision = _stage_by_stage(plan, options), None
    show(outcomes, revision)
    return outcomes


def _stage_by_stage(plan: dict[str, list[str]], options: Sequence[str]) -> dict[str, str]:
    done: dict[str, State] = {}
    for stage, needs in plan.items():
        state = reproduce(
            stage, "--force" in options, wait_for=[done[need] for need in needs], return_state=True
        )
        if not state.is_completed():
            raise StageFailedError(f"{state.message}; mend it, and run the pipeline again")
        done[stage] = state
    return {stage: str(state.name) for stage, state in done.items()}


@task(task_run_name="{stage}", cache_policy=NO_CACHE)
def reproduce(stage: str, force: bool = False) -> State:
    """Run the stage if DVC finds it stale."""
    options = ["--force"] if force else []
    return Completed(name=run_dvc(stage, ["repro", "--single-item", *options, stage]))


@task(task_run_name="dvc exp run {name}", cache_policy=NO_CACHE)
def experiment(name: str, changes: Sequence[str], arguments: Sequence[str]) -> None:
    """Run the stages with other params in a temporary directory."""
    # ++ adds a key that is not in the file yet, as another round
    sets = [word for change in changes for word in ("--set-param", f"++{change}")]
    run_dvc(name, ["exp", "run", "--temp", "--name", name, *sets, *arguments])


def _plan(targets: Sequence[str], alone: bool = False) -> dict[str, list[str]]:
    """Stage -> the stages it needs, in an order in which they can run.

    A target such as `train` means all its stages, and there may be none: `continue` has none if no
    arm continues another.

    Args:
        targets: Names of stages; all stages if empty.
        alone: Whether to leave out the stages that the targets need.
    """
    from dvc.repo import Repo

    with Repo() as repo:
        graph: nx.DiGraph[str] = nx.relabel_nodes(repo.index.graph, lambda stage: stage.addressing)
    named = {target: _addresses(target, graph) for target in targets}
    unknown = [target for target, found in named.items() if not found and target not in STAGES]
    if unknown:
        raise ValueError(f"no stage {', '.join(unknown)} in dvc.yaml; it has: {', '.join(graph)}")
    wanted = {stage for stages in named.values() for stage in stages}
    if not alone:
        wanted |= {need for stage in wanted for need in nx.descendants(graph, stage)}
    graph = graph.subgraph(wanted if targets else graph.nodes)
    return {stage: list(graph.successors(stage)) for stage in nx.topological_sort(graph.reverse())}


def _addresses(target: str, graph: "nx.DiGraph[str]") -> list[str]:
    return [stage for stage in graph if target in (stage, stage.partition("@")[0])]


def main() -> int:
    """The command line; returns the exit status."""
    any_terminal()
    parser = argparse.ArgumentParser(prog="python -m flows.pipeline")
    parser.add_argument("targets", nargs="*", help="stages to bring up to date; all if none")
    targets = parser.parse_args().targets
    bypass_loopback()
    try:
        require_usable()
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
