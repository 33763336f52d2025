"""transformers inside this process: batches of `generate`, for machines without a vLLM wheel."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dialogue.errors import EngineError
from dialogue.protocols import Policy
from services.engines.config import EngineConfig, model_folder
from services.engines.engine_log import last_words, records_in
from services.engines.local import LocalPolicy
from services.engines.loop import EngineLoop, Sample
from services.engines.models.adapters import Adapter, find

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


class Waiting(NamedTuple):
    """A request that is in no batch yet."""

    key: int
    prompt: Sequence[int]
    seed: int


class TransformersEngine:
    """A :class:`~services.engines.loop.TokenEngine` whose step answers all waiting requests.

    Requests that arrive meanwhile form the next batch.
    """

    def __init__(self, model: PreTrainedModel, config: EngineConfig) -> None:
        self._model = model
        self._config = config
        self._ends = ends_alone(model)
        self._waiting: deque[Waiting] = deque()

    def add(
        self, key: int, prompt: Sequence[int], seed: int, adapter: str = "", tag: str = ""
    ) -> None:
        if adapter or tag:
            raise NotImplementedError("transformers serves one model, whose texts are free")
        self._waiting.append(Waiting(key, prompt, seed))

    def abort(self, key: int) -> None:
        self._waiting = deque(one for one in self._waiting if one.key != key)

    def step(self) -> Mapping[int, Sample]:
        count = min(len(self._waiting), self._config.max_num_seqs)
        batch = [self._waiting.popleft() for _ in range(count)]
        return dict(zip((one.key for one in batch), self._generate(batch), strict=True))

    def close(self) -> None:
        del self._model

    def _generate(self, batch: Sequence[Waiting]) -> Iterator[Sample]:
        import torch
        from transformers import GenerationConfig, LogitsProcessorList

        padded, mask = left_padded([one.prompt for one in batch], self._model.device)
        with torch.inference_mode():
            rows = self._model.generate(
                padded,
                attention_mask=mask,
                generation_config=GenerationConfig(
                    max_new_tokens=self._config.max_tokens,
                    do_sample=False,
                    eos_token_id=self._ends,
                    pad_token_id=0,
                ),
                logits_processor=LogitsProcessorList(
                    [SeededNoise(self._config, [one.seed for one in batch])]
                ),
            )
        for row in rows[:, padded.shape[1] :].tolist():
            yield self.sample(row)

    def sample(self, row: Sequence[int]) -> Sample:
        """The row up to its end token; the rest is padding."""
        end = next((i for i, token in enumerate(row) if token in self._ends), None)
        if end is None:
            return Sample(tuple(row), finish_reason="length")
        return Sample(tuple(row[: end + 1]))


class SeededNoise:
    """A logits processor that turns greedy decoding into sampling, with a seed per row.

    The arg max of logits/T plus Gumbel noise is a draw from softmax(logits/T). `generate` itself
    draws all rows from one generator, so an answer would depend on the rest of the batch.
    """

    def __init__(self, config: EngineConfig, seeds: Sequence[int]) -> None:
        import torch

        self._temperature = config.temperature
        self._top_p = config.top_p
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Scores whose arg max is the sample; shape (rows, vocabulary)."""
        import torch

        if self._temperature == 0:
            return scores
        scores = scores.float() / self._temperature
        if self._top_p < 1:
            from transformers import TopPLogitsWarper

            scores = TopPLogitsWarper(self._top_p)(input_ids, scores)
        noise = torch.empty(scores.shape)
        for row, generator in zip(noise, self._generators, strict=True):
            row.exponential_(generator=generator)
        return scores - noise.log_().to(scores.device)


def ends_alone(model: PreTrainedModel) -> list[int]:
    """Leave of a model's generation_config.json where answers end, and return these tokens.

    `generate` would take from it whatever it is not told, as a repetition penalty.
    """
    from transformers import GenerationConfig

    ends = model.generation_config.eos_token_id
    model.generation_config = GenerationConfig(eos_token_id=ends)
    return [ends] if isinstance(ends, int) else list(ends or [])


def left_padded(prompts: Sequence[Sequence[int]], device: Any) -> tuple[Tensor, Tensor]:
    """Token ids of prompts padded on the left to one length, and their attention mask."""
    import torch

    width = max(map(len, prompts))
    ids = [[0] * (width - len(prompt)) + list(prompt) for prompt in prompts]
    mask = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


@contextmanager
def open_policy(config: EngineConfig, log: Path) -> Iterator[Policy]:
    """See :func:`services.engines.open_engine`."""
    adapter = find(Path(config.model))
    folder = model_folder(replace(config, model=str(adapter.base)) if adapter else config)
    with records_in(log, "transformers"):
        try:
            loop = EngineLoop(lambda: start(config, folder, adapter))
        except (ImportError, OSError, RuntimeError, ValueError) as error:
            raise EngineError(
                f"transformers could not load {config.model}: {error}\n{last_words(log)}"
            ) from error
        with loop:
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained(config.model, trust_remote_code=False)
            yield LocalPolicy(loop, tokenizer, config)


def start(config: EngineConfig, folder: Path, adapter: Adapter | None = None) -> TransformersEngine:
    """Load the model with its adapter, onto a GPU if there is one."""
    import torch
    from transformers import AutoModelForCausalLM

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(config.cores)
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=config.dtype, trust_remote_code=False
    )
    if adapter:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, adapter.folder)
    return TransformersEngine(model.to(device).eval(), config)
