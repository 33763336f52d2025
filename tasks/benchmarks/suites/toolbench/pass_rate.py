"""ToolBench by its pass rate (SoPR, arXiv 2403.07714), with simulated APIs and a judge.

The judge has the authors' prompts and the simulator ours, as theirs is a trained model. Figures are
comparable only with the same judge and simulator.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast

from dialogue.protocols import Message, Policy
from dialogue.seeds import stable_seed
from dialogue.strict_json import dumps, loads
from dialogue.tool_text import FunctionCall, calls_of
from tasks.benchmarks import files
from tasks.benchmarks.options import Helper, Options
from tasks.benchmarks.shape import Attempt, Benchmark, ContextFullError, Item, Score
from tasks.benchmarks.suites.ask import JudgeError, Talk, ask
from tasks.benchmarks.suites.functions import tool
from tasks.benchmarks.suites.toolbench.suite import read_items

Status = Literal["Solved", "Unsure", "Unsolved"]
VALUE: Final[Mapping[Status, float]] = {"Solved": 1.0, "Unsure": 0.5, "Unsolved": 0.0}
MAX_STEPS: Final = 12
"""Maximum number of messages of the policy, as in the authors' CoT@1."""
LONGEST_RESPONSE: Final = 2_048
"""Maximum number of characters of a response."""
FINISH: Final = tool(
    "Finish",
    "Ends the work with the answer, which is all that the user sees, or gives up.",
    {
        "type": "object",
        "properties": {
            "return_type": {"type": "string", "enum": ["give_answer", "give_up_and_restart"]},
            "final_answer": {"type": "string", "description": "with give_answer: the answer"},
        },
        "required": ["return_type"],
    },
)
_PROMPT: Final = """\
You fulfil a request by calling functions, step by step. In the end, always call Finish with an \
answer that says all the user wants to know: nothing else is shown."""
_SERVER: Final = """\
You are the server of an API. Answer the call with one JSON object: {"error": "", "response": \
RESPONSE}, where RESPONSE is what the real API could return for these arguments; or, if the call \
does not fit the documentation, {"error": REASON, "response": ""}. Write nothing else."""
_FORMAT: Final = """

Answer with one JSON object: {"content": REASON, "answer_status": STATUS}."""
_STATUS: Final = re.compile(r'"answer_status"\s*:\s*"(Solved|Unsure|Unsolved)"')
_PROMPTS: Final = "evaluator_prompts/tooleval_gpt-3.5-turbo_default/template.txt"


def open_benchmark(options: Options) -> Benchmark:
    """All 765 solvable queries.

    Raises:
        tasks.benchmarks.options.MissingError: no judge or no simulator was named.
    """
    judge = options.need_judge("toolbench-pass-rate")
    simulator = options.need_simulator("toolbench-pass-rate")
    folder = files.fetch("toolbench", options.data, options.mirror)
    return Benchmark(
        "toolbench-pass-rate",
        [_item(item) for item in read_items(folder)],
        Protocol(Judging.read(folder, judge), simulator),
        max_tokens=512,
        depends_on={
            "protocol": "SoPR, CoT@1, one judgement",
            "judge": judge.name,
            "simulator": simulator.name,
        },
        floor=lambda _item: VALUE["Unsolved"],
    )


def final_answer(call: FunctionCall) -> str | None:
    """The answer to the user in a call of Finish; None for another call or no answer."""
    try:
        given = loads(call.arguments)
    except ValueError:
        return None
    if call.name != "Finish" or not isinstance(given, dict):
        return None
    text = given.get("final_answer")
    if given.get("return_type") != "give_answer" or not isinstance(text, str):
        return None
    return text if text.strip() else None


def read_status(text: str) -> Status | None:
    """The status in a judge's answer; None if it has none or several."""
    found = set(_STATUS.findall(text))
    return cast(Status, found.pop()) if len(found) == 1 else None


@dataclass(frozen=True, slots=True)
class Judging:
    """A judge with the authors' prompts: of the answer and, if unsure, of all steps."""

    judge: Helper
    prompts: Mapping[str, str]

    @classmethod
    def read(cls, folder: Path, judge: Helper) -> Judging:
        text = (folder / _PROMPTS).read_text(encoding="utf-8")
        found = re.findall(r"<name>(.*?)</name>\s*<description>\n(.*?)</description>", text, re.S)
        return cls(judge, dict(found))

    async def __call__(self, query: str, answer: str, steps: str, seed: int) -> Status:
        """
        Raises:
            JudgeError: it gave no status.
        """
        status = await self._ask("check_answer_status", query, answer, seed)
        if status == "Unsure":
            status = await self._ask("parse_answer_status", query, steps, seed)
        return status

    async def _ask(self, name: str, query: str, answer: str, seed: int) -> Status:
        # Not format_map: the text has other braces than these two.
        prompt = self.prompts[name].replace("{query}", query).replace("{answer}", answer)
        said = await ask(self.judge, prompt + _FORMAT, stable_seed(seed, name))
        status = read_status(said)
        if status is None:
            raise JudgeError(f"{self.judge.name} gave no status: {dumps(said[-200:])}")
        return status


@dataclass(frozen=True, slots=True)
class Protocol:
    """Plays a query; without an answer by Finish it is unsolved without a judge."""

    judging: Judging
    simulator: Helper

    async def __call__(self, item: Item, policy: Policy, seed: int) -> Attempt:
        talk = Talk(policy, item.tools, seed, list(item.messages))
        answer, why = await self._work(item, talk, seed)
        if answer is None:
            return talk.attempt(Score(VALUE["Unsolved"], why, {"finished": 0.0}))
        query = item.messages[-1]["content"]
        steps = dumps(details(talk.answer, answer))
        status = await self.judging(query, answer, steps, stable_seed(seed, "judge"))
        parts = {"finished": 1.0, "unsure": float(status == "Unsure")}
        return talk.attempt(Score(VALUE[status], f"judged {status}", parts))

    async def _work(self, item: Item, talk: Talk, seed: int) -> tuple[str | None, str]:
        """The answer of Finish, or None with the reason."""
        for _ in range(MAX_STEPS):
            try:
                message = await talk.turn()
            except ContextFullError:
                return None, "the context was full before Finish"
            for number, call in enumerate(calls_of(message)):
                if call.name == "Finish":
                    answer = final_answer(call)
                    return answer, "" if answer else "Finish gave no answer"
                content = await self._respond(item, call, seed)
                talk.messages.append(
                    {"role": "tool", "tool_call_id": f"call_{number}", "content": content}
                )
        return None, f"no Finish in {MAX_STEPS} messages"

    async def _respond(self, item: Item, call: FunctionCall, seed: int) -> str:
        offered = {one["function"]["name"]: one["function"] for one in item.tools}
        if call.name not in offered:
            return dumps({"error": f"No such function name: {call.name}", "response": ""})
        prompt = f"Documentation: {dumps(offered[call.name])}\nArguments: {call.arguments}"
        own = stable_seed(seed, "simulator", call.name, call.arguments)
        return (await ask(self.simulator, prompt, own, _SERVER))[:LONGEST_RESPONSE]


def details(answer: Sequence[Message], final: str) -> dict[str, Any]:
    """The steps for the authors' judge: a chain of nodes, each the child of the one before."""
    returned = [message["content"] for message in answer if message["role"] == "tool"]
    nodes: list[dict[str, Any]] = []
    for message in (one for one in answer if one["role"] == "assistant"):
        if text := message.get("content"):
            nodes.append({"role": "assistant", "message": text})
        for call in calls_of(message):
            response = returned.pop(0) if returned and call.name != "Finish" else ""
            called = {"name": call.name, "arguments": call.arguments, "response": response}
            nodes.append({"role": "tool", "message": called})
    chain: list[dict[str, Any]] = []
    for node in reversed(nodes):
        chain = [{**node, "next": chain}]
    return {
        "method": "CoT@1",
        "total_steps": len(nodes),
        "final_answer": final,
        "answer_details": chain,
    }


def _item(item: Item) -> Item:
    system: Message = {"role": "system", "content": _PROMPT}
    return Item(item.id, item.group, (system, item.messages[-1]), (*item.tools, FINISH), item.gold)
