"""lm_eval as the engine: the items asked at one time are one call of its evaluator.

lm_eval scores by log-likelihood and by its own metrics, so it asks the model itself, not a policy.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from dialogue.protocols import Policy
from services import endpoint_model
from services.engines import EngineConfig, server
from services.engines.config import model_folder
from services.engines.endpoint import api_key, check
from services.engines.engine_log import records_in
from services.engines.models.adapters import find
from services.engines.transformers_engine import ends_alone
from tasks.benchmarks.options import MissingError

if TYPE_CHECKING:
    from lm_eval.api.model import LM
    from lm_eval.api.task import Task
    from lm_eval.models.huggingface import HFLM

Sample = Mapping[str, Any]
"""lm_eval's record of a document under one filter: responses, metrics."""
BATCH: Final = 8
"""Number of sequences in a forward pass."""


class Asked(NamedTuple):
    """A document that waits for its samples."""

    task: str
    document: int
    samples: asyncio.Future[list[Sample]]


@dataclass(slots=True)
class Session:
    """A model and the tasks to ask it.

    Attributes:
        model: Model of lm_eval.
        tasks: Tasks of lm_eval by name.
        chat: Whether prompts go through the model's chat template.
        log: File for the output of lm_eval.
    """

    model: LM
    tasks: Mapping[str, Task]
    chat: bool
    log: Path
    _waiting: list[Asked] = field(default_factory=list, init=False)
    _worker: asyncio.Task[None] | None = field(default=None, init=False)

    async def ask(self, task: str, document: int) -> list[Sample]:
        """The samples of a document, one per filter of its task.

        Raises:
            Exception: the model failed.
        """
        asked = Asked(task, document, asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        return await asked.samples

    async def _work(self) -> None:
        await asyncio.sleep(0)  # so that others that ask now are in the batch
        while batch := self._waiting:
            self._waiting = []
            try:
                found = await asyncio.to_thread(self._evaluate, batch)
            except Exception as failure:  # the items of the batch become unscored
                for asked in batch:
                    asked.samples.set_exception(failure)
            else:
                for asked in batch:
                    asked.samples.set_result(found[asked.task, asked.document])
            await asyncio.sleep(0)  # so that the answered can ask again
        self._worker = None

    def _evaluate(self, batch: Sequence[Asked]) -> Mapping[tuple[str, int], list[Sample]]:
        from lm_eval import simple_evaluate
        from lm_eval.tasks import TaskManager

        documents = defaultdict(list)
        for asked in batch:
            documents[asked.task].append(asked.document)
        # Its progress bars would be drawn over ours, which keeps the original stderr.
        with self.log.open("a") as output, redirect_stderr(output):
            results = simple_evaluate(
                self.model,
                tasks=[self.tasks[name] for name in documents],
                # Sorted, as lm_eval numbers the documents in their order.
                samples={name: sorted(numbers) for name, numbers in documents.items()},
                bootstrap_iters=0,
                apply_chat_template=self.chat,
                fewshot_as_multiturn=self.chat,
                task_manager=TaskManager(include_defaults=False),
            )
        found = defaultdict(list)
        for name, samples in results["samples"].items():
            for sample in samples:
                found[name, sample["doc_id"]].append(sample)
        return found


@dataclass(frozen=True, slots=True)
class Harness:
    """Opens sessions on tasks.

    Attributes:
        tasks: Tasks of lm_eval by name.
        tokenizer: Folder of an endpoint's tokenizer.
    """

    tasks: Mapping[str, Task]
    tokenizer: Path | None = None

    @contextmanager
    def open(self, config: EngineConfig, *, log: Path) -> Iterator[Policy]:
        """A session in place of a policy: ``play`` asks it for samples, not for messages.

        transformers loads a folder; vLLM serves it, and it is then used as an endpoint.

        Raises:
            EngineError: the engine does not start, or is a recording.
            MissingError: the tasks need log-likelihoods, and the endpoint gives none.
        """
        if config.backend == "recorded":
            raise MissingError("lm_eval asks a model: give --model a folder or a URL")
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("")
        for task in self.tasks.values():
            if task.OUTPUT_TYPE == "generate_until":
                task.set_config(
                    "generation_kwargs", {"max_gen_toks": config.max_tokens}, update=True
                )
        with records_in(log, "lm_eval"), ExitStack() as stack:
            if config.backend == "transformers":
                model = _folder(config)
                chat = model.tokenizer.chat_template is not None
            else:
                model, chat = self._served(config, stack, log), True
            yield cast(Policy, Session(model, self.tasks, chat, log))

    def _served(self, config: EngineConfig, stack: ExitStack, log: Path) -> LM:
        from tasks.benchmarks.suites.general.endpoint_models import likelihood_model, text_model

        if config.backend == "endpoint":
            url, tokenizer = config.urls[0].rstrip("/"), self.tokenizer
            config = replace(
                config, model=endpoint_model.name_of(Path(config.model)) or config.model
            )
            check(url, config.model, api_key(config.api_key_env))
        else:
            url, *_ = stack.enter_context(server.serving(config, log))
            tokenizer = Path(config.model)
        if all(task.OUTPUT_TYPE == "generate_until" for task in self.tasks.values()):
            return text_model(config, url)
        return likelihood_model(config, url, tokenizer)


def _folder(config: EngineConfig) -> HFLM:
    import torch
    from lm_eval.models.huggingface import HFLM

    adapter = find(Path(config.model))
    folder = model_folder(replace(config, model=str(adapter.base)) if adapter else config)
    torch.set_num_threads(config.cores)
    model = HFLM(
        pretrained=str(folder),
        peft=str(adapter.folder) if adapter else None,
        tokenizer=config.model,
        dtype=config.dtype,
        device="cuda" if torch.cuda.is_available() else "cpu",
        batch_size=BATCH,
        max_length=config.max_model_len,
        trust_remote_code=False,
    )
    ends_alone(model.model)
    return model
