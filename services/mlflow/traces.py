"""Dialogues as MLflow traces, which its UI shows turn by turn.

The root span is the dialogue. Its children are, in order, the messages of user and agent, and every
tool call with its arguments and the world's answer. The spans have no real durations: many
dialogues are played at once, and the traces are written when all have ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from dialogue.messages import tool_calls
from dialogue.protocols import Message
from services.mlflow.store import log_optional

if TYPE_CHECKING:
    from mlflow.entities.span import LiveSpan

SESSION = "mlflow.trace.session"
"""MLflow's own name: it groups the traces of one scenario, played by several policies."""


class Played(Protocol):
    """A finished dialogue: ``toolwoz.evaluation.runs.result.Result``, or a path to a leaf of a
    tree."""

    @property
    def scenario(self) -> str: ...
    @property
    def goals(self) -> Sequence[str]: ...
    @property
    def earned(self) -> Sequence[str]: ...
    @property
    def messages(self) -> Sequence[Message]: ...
    @property
    def error(self) -> str | None: ...


def trace_dialogues(results: Iterable[Played], policy: str, split: str, most: int) -> None:
    """Write the first `most` dialogues of a policy as traces of the active run.

    The traces are a side output, as results.jsonl has every dialogue: a dead store is a warning.
    """
    chosen = list(islice(results, most))
    log_optional(f"the traces of {policy}", lambda: _write(chosen, policy, split))


def _write(results: Sequence[Played], policy: str, split: str) -> None:
    import mlflow

    traced = [(_trace(result, policy, split), result) for result in results]
    mlflow.flush_trace_async_logging()  # feedback needs its trace in the store
    for trace_id, result in traced:
        if result.error is None:
            reward = len(result.earned) / len(result.goals)
            mlflow.log_feedback(trace_id=trace_id, name="reward", value=reward)


def _trace(result: Played, policy: str, split: str) -> str:
    import mlflow

    root = mlflow.start_span_no_context(
        f"{policy} {result.scenario}",
        span_type="AGENT",
        inputs={"scenario": result.scenario, "goals": list(result.goals)},
        tags={"scenario": result.scenario, "policy": policy, "split": split},
        metadata={SESSION: result.scenario, **_source_run()},
    )
    for number, message in enumerate(result.messages):
        _spans(root, message, result.messages[number + 1 :])
    outputs = {"earned": list(result.earned), "error": result.error}
    root.end(outputs=outputs, status="OK" if result.error is None else "ERROR")
    return str(root.trace_id)


def _spans(root: LiveSpan, message: Message, later: Sequence[Message]) -> None:
    role = message["role"]
    if role in ("system", "user"):
        _span(root, role, "UNKNOWN", None, message["content"])
    elif role == "assistant":
        if message.get("content"):
            _span(root, "agent", "CHAT_MODEL", None, message["content"])
        for call in tool_calls(message):
            # The next message with this id, as models reuse an id in a later turn.
            answer = next((m["content"] for m in later if m.get("tool_call_id") == call.id), None)
            _span(root, str(call.name), "TOOL", call.arguments, answer)


def _span(root: LiveSpan, name: str, kind: str, inputs: Any, outputs: Any) -> None:
    import mlflow

    span = mlflow.start_span_no_context(name, span_type=kind, parent_span=root, inputs=inputs)
    span.end(outputs=outputs)


def _source_run() -> dict[str, str]:
    import mlflow

    active = mlflow.active_run()
    return {"mlflow.sourceRun": str(active.info.run_id)} if active else {}
