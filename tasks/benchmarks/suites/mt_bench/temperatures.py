"""An engine that samples from one model at several temperatures, one per category."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from dialogue.protocols import Completion, Message, Policy, Tool
from services.engines import EngineConfig, open_engine, server


@dataclass(frozen=True, slots=True)
class Temperatures:
    """Opens an engine that answers each dialogue at the temperature of its first message.

    Attributes:
        of: Content of the first message of a dialogue -> temperature.
    """

    of: Mapping[str, float]

    @contextmanager
    def open(self, config: EngineConfig, *, log: Path) -> Iterator[Policy]:
        """As :func:`services.engines.open_engine`, but ignores the temperature of `config`.

        vLLM runs a model folder as a server, as several engines in one process would hold the model
        several times, which those of ``transformers`` do.
        """
        with ExitStack() as stack:
            wanted = {
                one: replace(config, temperature=one) for one in sorted(set(self.of.values()))
            }
            if config.backend in ("vllm", "server"):
                log.parent.mkdir(parents=True, exist_ok=True)
                log.write_text("")
                urls = stack.enter_context(server.serving(config, log))
                opened = {one: server.reading(sampling, urls) for one, sampling in wanted.items()}
            else:
                opened = {
                    one: open_engine(sampling, log=log.with_stem(f"{log.stem}-{one}"))
                    for one, sampling in wanted.items()
                }
            policies = {one: stack.enter_context(engine) for one, engine in opened.items()}
            yield _ByOpening({text: policies[one] for text, one in self.of.items()})


@dataclass(frozen=True, slots=True)
class _ByOpening:
    policies: Mapping[str, Policy]

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion | None:
        return await self.policies[messages[0]["content"]](messages, tools, seed=seed)
