"""ToolAlpaca by its official protocol: a simulated API and a judge of the whole solution.

Both are named models with the authors' prompts. The figures are not comparable with those by GPT-4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from string import Template
from typing import Any, Final, NamedTuple

from dialogue.protocols import Message, Policy
from dialogue.seeds import stable_seed
from dialogue.strict_json import dumps
from dialogue.tool_text import FunctionCall, calls_of
from tasks.benchmarks import files
from tasks.benchmarks.options import Helper, Options
from tasks.benchmarks.shape import Attempt, Benchmark, Item, Score
from tasks.benchmarks.suites.ask import JudgeError, Talk, ask
from tasks.benchmarks.suites.toolalpaca.suite import ASK_USER, read_apis, tools_of

MAX_ROUNDS: Final = 10
LONGEST_RESPONSE: Final = 3_000
"""Maximum number of characters of a response, as in the authors' agent."""

_PROMPT = "You fulfil a request by calling functions of the API {name}. In the end, tell the user."
_USER = """\
You are a user who asked an assistant: {instruction}
The assistant asks back. Answer with specific details of your own invention, in one line."""
_YES: Final = "Yes"


class Verdict(NamedTuple):
    """The judge's verdicts on the calls and on the final response: Yes, No or Uncertain."""

    process: str
    response: str


def read_verdict(text: str) -> Verdict | None:
    """The verdict in a judge's answer; None if it has none."""
    results = text.split("## Results", 1)[-1]
    process = re.search(r"Process Correctness: (\w+)", results)
    response = re.search(r"Final Response Correctness: (\w+)", results)
    return Verdict(process[1], response[1]) if process and response else None


def judged(verdict: Verdict) -> Score:
    """1 if both are Yes; parts ``process`` and ``response``."""
    return Score(
        float(verdict == (_YES, _YES)),
        f"process {verdict.process}, response {verdict.response}",
        {
            "process": float(verdict.process == _YES),
            "response": float(verdict.response == _YES),
        },
    )


NO_CALL: Final = replace(judged(Verdict("No", "No")), reason="no call was made")
"""Score of a solution without a call, which the authors count as wrong without a judge."""


def open_benchmark(options: Options) -> Benchmark:
    """All instructions of both splits.

    Raises:
        tasks.benchmarks.options.MissingError: no judge or no simulator was named.
    """
    judge = options.need_judge("toolalpaca-judge")
    simulator = options.need_simulator("toolalpaca-judge")
    folder = files.fetch("toolalpaca", options.data, options.mirror)
    items = [
        Item(
            id=f"{split}/{api['Name']}/{number}",
            group=split,
            messages=(
                {"role": "system", "content": _PROMPT.format(name=api["Name"])},
                {"role": "user", "content": instruction},
            ),
            tools=tools_of(split, api),
            gold={"split": split, "api": index, "number": number},
        )
        for split, apis in read_apis(folder).items()
        for index, api in enumerate(apis)
        for number, instruction in enumerate(api["Instructions"])
    ]
    return Benchmark(
        "toolalpaca-judge",
        items,
        _Protocol.read(folder, judge, simulator),
        max_tokens=512,
        depends_on={
            "protocol": "official prompts",
            "judge": judge.name,
            "simulator": simulator.name,
        },
        floor=lambda _item: NO_CALL.value,
    )


@dataclass(frozen=True, slots=True)
class _Protocol:
    """Plays an item: the policy calls, the simulator answers, the judge reads."""

    judge: Helper
    simulator: Helper
    apis: Mapping[str, Any]
    simulation: Template
    evaluation: Template

    @classmethod
    def read(cls, folder: Path, judge: Helper, simulator: Helper) -> _Protocol:
        simulation, evaluation = (
            Template((folder / "prompts" / f"{name}.txt").read_text(encoding="utf-8"))
            for name in ("Simulator", "Evaluation")
        )
        return cls(judge, simulator, read_apis(folder), simulation, evaluation)

    async def __call__(self, item: Item, policy: Policy, seed: int) -> Attempt:
        api = self.apis[item.gold["split"]][item.gold["api"]]
        talk = Talk(policy, item.tools, seed, list(item.messages))
        for _ in range(MAX_ROUNDS):
            message = await talk.turn()
            if not (calls := calls_of(message)):
                break
            for number, call in enumerate(calls):
                content = await self._respond(api, item, call, seed)
                talk.messages.append(
                    {"role": "tool", "tool_call_id": f"call_{number}", "content": content}
                )
        solution = write_solution(talk.answer)
        if not any(calls_of(message) for message in talk.answer):
            return talk.attempt(NO_CALL)
        return talk.attempt(await self._judge(api, item, solution, seed))

    async def _respond(
        self, api: Mapping[str, Any], item: Item, call: FunctionCall, seed: int
    ) -> str:
        seed = stable_seed(seed, "simulator", call.name, call.arguments)
        if call.name == ASK_USER:
            system = _USER.format(instruction=item.messages[-1]["content"])
            return await ask(self.simulator, call.arguments, seed, system)
        if call.name not in api["Function_Projection"]:
            return f"`{call.name}` is not a function of this API."
        path, method = api["Function_Projection"][call.name]
        prompt = self.simulation.safe_substitute(
            Name=api["Name"],
            Documentation=api["Documentation"],
            Request=f"{method.upper()} {path}\nParameters: {call.arguments}",
        )
        return (await ask(self.simulator, prompt, seed))[:LONGEST_RESPONSE]

    async def _judge(self, api: Mapping[str, Any], item: Item, solution: str, seed: int) -> Score:
        golden = api["Golden_Answers"][item.gold["number"]]
        prompt = self.evaluation.safe_substitute(
            documentation=api["NLDocumentation"],
            instruction=item.messages[-1]["content"],
            standard="".join(
                f"{number}. Function: {one['Action']}\nParameters: {one['Action_Input']}\n"
                for number, one in enumerate(golden, 1)
            ),
            solution=solution,
        )
        text = await ask(self.judge, prompt, stable_seed(seed, "judge"))
        verdict = read_verdict(text)
        if verdict is None:
            raise JudgeError(f"{self.judge.name} gave no verdict: {dumps(text[-200:])}")
        return judged(verdict)


def write_solution(answer: tuple[Message, ...]) -> str:
    """The solution for the judge: the policy's calls, their results, and its last message."""
    calls = [call for message in answer for call in calls_of(message)]
    returns = [message["content"] for message in answer if message["role"] == "tool"]
    steps = [
        f"{number}. Function: {call.name}\nParameters: {call.arguments}\nReturns: {content}"
        for number, (call, content) in enumerate(zip(calls, returns, strict=True), 1)
    ]
    last = answer[-1]
    final = last["content"] if last["role"] == "assistant" else "(none)"
    return "\n".join([*steps, f"{len(steps) + 1}. Final Response: {final}"])
