"""The whole pipeline as one Prefect flow over the graph that DVC owns: one task a stage.

    python -m flows.pipeline              # every stage
    python -m flows.pipeline evaluate     # that stage, and what it needs

Each task is a `dvc repro` of one stage, so DVC alone decides what is stale, and a cancelled or
failed run goes on where it was, from here or from the shell. A run with overrides is one
`dvc exp run --temp`, which leaves the workspace alone. prefect.yaml offers the three flows below.
"""

# Annotations stay objects: a served run loads this file alone, where Prefect resolves no names.
# What the UI says of a parameter is read from the docstring's Args.

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

from flows import params
from flows.overrides import Overrides, RoundOverrides
from flows.server import artifacts as showing
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
"""One of dvc.yaml, chosen from a list in the UI."""
NOTHING = RoundOverrides()


@flow(name="pipeline")
def pipeline(
    targets: tuple[Target, ...] = (),
    overrides: RoundOverrides = NOTHING,
) -> dict[str, str]:
    """Bring the pipeline up to date.

    Args:
        targets: Stages to bring up to date, with all they need; all if empty.
        overrides: Values in place of those of params.yaml, for this run alone.

    Returns:
        The outcome of each stage: Ran, Unchanged or Restored.

    Raises:
        StageFailedError: a stage failed; those after it were not started.
    """
    return _bring_up_to_date(targets, overrides, showing.everything)


@flow(name="harvest-and-train")
def harvest_and_train(overrides: RoundOverrides = NOTHING) -> dict[str, str]:
    """Harvest, extract and train in every round, with what they need; the last is not evaluated.

    Args:
        overrides: Values in place of those of params.yaml, for this run alone.
    """
    return _bring_up_to_date(["train", "continue"], overrides, showing.outcomes)


@flow(name="evaluate-only")
def evaluate_only(
    force: bool = False,
    overrides: Overrides = Overrides(),  # noqa: B008  (frozen)
) -> dict[str, str]:
    """Evaluate the policies that are there, and let the gates decide; nothing else is run.

    Args:
        force: Play every dialogue and benchmark again, even where nothing changed.
        overrides: Values in place of those of params.yaml, for this run alone.
    """
    options = ["--single-item", *(["--force"] if force else [])]
    stages = ["evaluate", "baseline", "benchmarks", "gate", "compare", "register"]
    return _bring_up_to_date(stages, overrides, showing.everything, options)


def _bring_up_to_date(
    targets: Sequence[str],
    overrides: Overrides,
    show: showing.Show,
    options: Sequence[str] = (),
) -> dict[str, str]:
    changes = overrides.assignments()
    if changes:
        params.check(overrides=changes)
    plan = _plan(targets, alone=bool(options))
    # A cancelled run must leave neither dvc nor the training below it.
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
    """Run the stages with other params in a directory of their own."""
    # ++: a key that is not there yet, as another round, is added
    sets = [word for change in changes for word in ("--set-param", f"++{change}")]
    run_dvc(name, ["exp", "run", "--temp", "--name", name, *sets, *arguments])


def _plan(targets: Sequence[str], alone: bool = False) -> dict[str, list[str]]:
    """Stage -> the stages it needs, each after those; `alone`: the targets, not what they need.

    A target that is several stages, as `train` is, stands for all of them, or for none: no arm may
    continue another.
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
