"""The conformance check of environments: what every ``Episode`` must do, whatever its world.

Call :func:`check_episode` from a test with a maker of fresh episodes and a script: assistant
messages that a competent agent writes, in order, and that earn at least one goal.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Sequence

from dialogue.protocols import Episode, Message

MakeEpisode = Callable[[], Awaitable[Episode]]

SPEECH: Message = {"role": "assistant", "content": "What else can I do for you?"}
BAD_CALLS: Message = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "a", "type": "function", "function": {"name": "no such tool", "arguments": "{}"}},
        {"id": "b", "type": "function", "function": {"name": "nor_this", "arguments": "{broken"}},
    ],
}


async def check_episode(make_episode: MakeEpisode, script: Sequence[Message]) -> None:
    """Check one kind of Episode; fails with a sentence that names the broken promise."""
    await _check_start(make_episode)
    await _check_script(make_episode, script)
    await _check_speech(make_episode)
    await _check_bad_calls(make_episode)
    await _check_forks(make_episode, script)
    await _check_end(make_episode)


async def _check_start(make_episode: MakeEpisode) -> None:
    episode = await make_episode()
    assert episode.goals, "an episode has goals"
    assert episode.messages[-1]["role"] == "user", "the agent answers a user"
    assert {m["role"] for m in episode.messages} <= {"system", "user", "assistant", "tool"}
    for tool in episode.tools:
        assert tool["type"] == "function", "tools are in the OpenAI format"
        assert tool["function"]["parameters"]["type"] == "object"
    again = await make_episode()
    assert list(episode.messages) == list(again.messages), "the same episode starts the same way"


async def _check_script(make_episode: MakeEpisode, script: Sequence[Message]) -> None:
    episode = await make_episode()
    earned: set[str] = set()
    for message in script:
        before, kept = list(episode.messages), copy.deepcopy(message)
        step = await episode.step(message)
        assert message == kept, "step does not change the message it is given"
        assert list(episode.messages) == [*before, message, *step.messages], (
            "the history grows by the message and the world's answer"
        )
        assert step.earned <= episode.goals, "only goals are earned"
        assert not step.earned & earned, "a goal is earned once"
        earned |= step.earned
        if message.get("tool_calls"):
            _check_tool_results(message, step.messages)
    assert earned, "the script earns something"


async def _check_speech(make_episode: MakeEpisode) -> None:
    step = await (await make_episode()).step(SPEECH)
    assert not step.earned, "speech earns nothing"
    if step.done:
        assert len(step.messages) <= 1
    else:
        assert [m["role"] for m in step.messages] == ["user"], "the user answers speech"


async def _check_bad_calls(make_episode: MakeEpisode) -> None:
    episode = await make_episode()
    step = await episode.step(BAD_CALLS)
    assert not step.earned, "a bad call earns nothing"
    _check_tool_results(BAD_CALLS, step.messages)
    if not step.done:
        await episode.step(SPEECH)


async def _check_forks(make_episode: MakeEpisode, script: Sequence[Message]) -> None:
    episode = await make_episode()
    for message in script:
        before, goals = copy.deepcopy(list(episode.messages)), set(episode.goals)
        forks = [episode.fork(), episode.fork()]
        steps = [await fork.step(message) for fork in forks]
        await episode.fork().step(SPEECH)
        await episode.fork().step(BAD_CALLS)
        assert list(episode.messages) == before, "what a fork does, its origin does not see"
        assert set(episode.goals) == goals
        step = await episode.step(message)
        for other, fork in zip(steps, forks, strict=True):
            assert (list(other.messages), other.earned, other.done) == (
                list(step.messages),
                step.earned,
                step.done,
            ), "siblings that do the same get the same answer"
            assert list(fork.messages) == list(episode.messages)
        if step.done:
            return


async def _check_end(make_episode: MakeEpisode) -> None:
    episode = await make_episode()
    for _ in range(1000):
        if (await episode.step(SPEECH)).done:
            break
    else:
        raise AssertionError("an episode of endless speech must end")
    try:
        await episode.step(SPEECH)
    except RuntimeError:
        return
    raise AssertionError("a step after the end raises RuntimeError")


def _check_tool_results(message: Message, results: Sequence[Message]) -> None:
    ids = [call["id"] for call in message["tool_calls"]]
    assert [m["role"] for m in results] == ["tool"] * len(ids), "every call gets a tool message"
    assert [m["tool_call_id"] for m in results] == ids, "in the order of the calls"
    assert all(isinstance(m["content"], str) for m in results), "its content is text"
