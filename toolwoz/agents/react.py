"""A ReAct agent for models without tool calls: the dialogue as text, and commands as the answer.

As in the JOSH paper (arXiv 2409.04617) the model writes PLAN, APICALL and SPEAK; ReAct itself is
arXiv 2210.03629. :func:`render` and :func:`parse` are a pure pair around any chat model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple

from dialogue.messages import spoken
from dialogue.protocols import Completion, Message, Policy, Tool
from dialogue.seeds import stable_seed
from dialogue.strict_json import decode_at, dumps, utf8
from dialogue.tool_text import FunctionCall, assistant, body_of, call_of, calls_of, malformed

PLAN_KEY = "reasoning_content"
"""Where a message keeps its plan: the key servers and chat templates know hidden reasoning by."""

_INSTRUCTIONS = """\
You act by writing commands, each on a line of its own:

PLAN: what you know, what is missing, what to do next. Only you read it.
APICALL: {"name": "<tool>", "arguments": {"<parameter>": "<value>"}}
SPEAK: what you say to the user.

Write one PLAN, then either one APICALL or one SPEAK, then stop. The answer to an APICALL comes \
back as RESULT, the user's words as USER; never write these yourself.

The tools:
"""
_GO_ON = "Go on with an APICALL or a SPEAK."

# A command is a keyword with a colon, APICALL with its JSON, or a keyword that begins a line;
# small models decorate all of them. What decorates it before, within a line, is no part of the
# expression, which would read a long row of asterisks anew from each of them.
_DECORATION = "*`#>-"
_COMMAND = re.compile(
    r"(?:^[*`#>-]+)?\b(PLAN|APICALL|SPEAK)\b[*`]*\s*:[*`]*"
    r"|(?:^[*`#>-]+)?\b(APICALL)\b[*`]*(?=\s*[{`])"
    r"|^[^\w\n]*(PLAN|APICALL|SPEAK)\b[*`]*(?:\s*:[*`]*)?",
    re.MULTILINE,
)
_INVENTED = re.compile(r"^(RESULT|USER):", re.MULTILINE)
_FENCE = re.compile(r"(\s*```(json)?)*\s*")
_DEBRIS = " \n\t`}])"


def render(messages: Sequence[Message], tools: Sequence[Tool]) -> list[Message]:
    """The dialogue as system, user and assistant text; user and assistant strictly alternate."""
    instructions = _INSTRUCTIONS + "\n".join(dumps(tool["function"]) for tool in tools)
    prompt: list[Message] = []
    for role, group in groupby(messages, key=_speaker):
        text = "\n".join(map(_line, group))
        if role == "system":
            instructions = f"{text}\n\n{instructions}"
        else:
            prompt.append({"role": role, "content": text})
    return [{"role": "system", "content": instructions}, *prompt]


def render_answer(message: Message) -> str:
    """An assistant message as commands.

    :func:`parse` reads it back as that message, unless its own words look like commands.
    """
    lines = [f"PLAN: {message[PLAN_KEY]}"] if message.get(PLAN_KEY) else []
    lines += [f"APICALL: {body_of(call)}" for call in calls_of(message)]
    if message.get("content") or not lines:
        lines.append(f"SPEAK: {message.get('content') or ''}")
    return "\n".join(lines)


def parse(text: str) -> Message:
    """The assistant message a text stands for; total: no text makes it raise.

    Thought is left out, see :func:`dialogue.messages.spoken`. The plan is kept apart, under
    :data:`PLAN_KEY`. Text without any command is speech. Results and user replies that the model
    invented are dropped, with all that follows them.
    """
    text = spoken(utf8(text))
    if invented := _INVENTED.search(text):
        text = text[: invented.start()]
    command = _next_command(text, 0)
    if command is None:
        return assistant(text.strip())
    plan, speech = [text[: command.start]], list[str]()
    calls: list[FunctionCall] = []
    while command:
        keyword, end = command.keyword, command.end
        if keyword == "APICALL":
            call, end = _call(text, end)
            calls.append(call)
        command = _next_command(text, end)
        said = text[end : command.start if command else len(text)]
        (speech if keyword == "SPEAK" else plan).append(said)
    message = assistant(_join(speech), calls)
    if thought := _join(plan):
        message[PLAN_KEY] = thought
    return message


@dataclass(frozen=True, slots=True)
class ReactPolicy:
    """A policy that plays through a chat model which sees no tools, only text.

    Attributes:
        inner: The chat model.
        attempts: How often it is asked for one message; an answer that is only a plan is asked
            to go on. The published agent has three model calls a turn.
    """

    inner: Policy
    attempts: int = 3

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion | None:
        """The next message; its token counts are those of all attempts."""
        prompt = render(messages, tools)
        answers: list[Completion] = []
        message = assistant("")
        while len(answers) < self.attempts and not (message["content"] or calls_of(message)):
            answer = await self.inner(prompt, (), seed=stable_seed(seed, len(answers)))
            if answer is None:
                return None
            answers.append(answer)
            text = "\n".join(spoken(str(one.message.get("content") or "")) for one in answers)
            message = parse(text)
            prompt += [{"role": "assistant", "content": text}, {"role": "user", "content": _GO_ON}]
        return replace(
            answers[-1],
            message=message,
            prompt_tokens=sum(answer.prompt_tokens for answer in answers),
            completion_tokens=sum(answer.completion_tokens for answer in answers),
            cached_tokens=_sum(answer.cached_tokens for answer in answers),
            seconds=sum(answer.seconds for answer in answers),
        )


class _Command(NamedTuple):
    keyword: str
    start: int
    end: int


def _next_command(text: str, position: int) -> _Command | None:
    """The first command from a position on, with its decoration."""
    found = _COMMAND.search(text, position)
    if found is None:
        return None
    start = found.start()
    while start > position and text[start - 1] in _DECORATION:
        start -= 1
    return _Command(next(filter(None, found.groups())), start, found.end())


def _sum(counts: Iterable[int | None]) -> int | None:
    """The sum of those that are known; None if none is."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


class _Parsed(NamedTuple):
    call: FunctionCall
    end: int


def _call(text: str, start: int) -> _Parsed:
    """The call after an APICALL command, and where it ends."""
    fence = _FENCE.match(text, start)
    start = fence.end() if fence else start
    try:
        value, end = decode_at(text, start)
    except ValueError:
        command = _next_command(text, start)
        end = command.start if command else len(text)
        return _Parsed(malformed(text[start:end].strip("` \n\t\r")), end)
    while end < len(text) and text[end] in _DEBRIS:
        end += 1
    return _Parsed(call_of(value) or FunctionCall("", dumps(value)), end)


def _join(parts: Sequence[str]) -> str:
    return "\n".join(filter(None, map(str.strip, parts)))


def _speaker(message: Message) -> str:
    role = str(message["role"])
    return "user" if role == "tool" else role


def _line(message: Message) -> str:
    if message["role"] == "assistant":
        return render_answer(message)
    label = {"tool": "RESULT: ", "user": "USER: "}.get(message["role"], "")
    return label + str(message.get("content") or "")
