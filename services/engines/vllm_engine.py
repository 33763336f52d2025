"""vLLM inside this process, which starts in a third of the time of a server."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dialogue.errors import EngineError
from dialogue.protocols import Policy
from services.engines import vllm_settings
from services.engines.config import EngineConfig, model_folder
from services.engines.engine_log import last_words, records_in
from services.engines.local import LocalPolicy
from services.engines.loop import EngineLoop, Sample

if TYPE_CHECKING:
    from vllm import RequestOutput
    from vllm.v1.engine.llm_engine import LLMEngine

ENVIRONMENT: Mapping[str, str] = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # the engine is this process
    "VLLM_CONFIGURE_LOGGING": "0",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
}


class VllmEngine:
    """vLLM's synchronous engine as a :class:`~services.engines.loop.TokenEngine`."""

    def __init__(self, engine: LLMEngine, sampling: Mapping[str, Any]) -> None:
        self._engine = engine
        self._sampling = sampling
        self._ids: dict[int, str] = {}

    def add(self, key: int, prompt: Sequence[int], seed: int) -> None:
        from vllm import SamplingParams
        from vllm.inputs.engine import tokens_input

        params = SamplingParams(**self._sampling, seed=seed)
        self._ids[key] = self._engine.add_request(str(key), tokens_input(list(prompt)), params)

    def abort(self, key: int) -> None:
        self._engine.abort_request([self._ids.pop(key)], internal=True)

    def step(self) -> Mapping[int, Sample]:
        done = {int(o.request_id): _sample(o) for o in self._engine.step() if o.finished}
        for key in done:
            del self._ids[key]
        return done

    def close(self) -> None:
        self._engine.engine_core.shutdown()


@contextmanager
def open_policy(config: EngineConfig, log: Path) -> Iterator[Policy]:
    """See :func:`services.engines.open_engine`."""
    folder = model_folder(config)
    os.environ.update({**ENVIRONMENT, **vllm_settings.environment(config)})
    with records_in(log, "vllm"), _torch_as_it_was():
        try:
            vllm_settings.require_known(config.vllm)
            loop = EngineLoop(lambda: start(config, folder))
        except EngineError:
            raise
        except (ImportError, OSError, RuntimeError, ValueError) as error:
            raise EngineError(
                f"vLLM did not start with {folder}: {error}\n{last_words(log)}\n"
                "If memory ran out, lower engine.kv_cache_gb or engine.max_num_seqs; without a "
                "vLLM that works here, set engine.backend to transformers."
            ) from error
        with loop:
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
            yield LocalPolicy(loop, tokenizer, config)


def start(config: EngineConfig, folder: Path) -> VllmEngine:
    """Load the model; most of the time is the import of vLLM."""
    import torch

    torch.set_num_threads(config.cores)  # for this thread; OMP_NUM_THREADS may come too late
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch warns of vLLM's own code
        from vllm import EngineArgs
        from vllm.sampling_params import RequestOutputKind
        from vllm.v1.engine.llm_engine import LLMEngine

        engine = LLMEngine.from_engine_args(
            EngineArgs(
                **vllm_settings.arguments(config, folder),
                skip_tokenizer_init=True,
                disable_log_stats=True,
                use_tqdm_on_load=False,
            )
        )
    sampling = {
        "temperature": config.temperature,
        "top_p": config.top_p,
        "max_tokens": config.max_tokens,
        "detokenize": False,
        "output_kind": RequestOutputKind.FINAL_ONLY,
    }
    return VllmEngine(engine, sampling)


@contextmanager
def _torch_as_it_was() -> Iterator[None]:
    """Restore `set_num_threads`, which vLLM's CPU worker replaces by one that does nothing."""
    import torch

    before = torch.set_num_threads
    try:
        yield
    finally:
        torch.set_num_threads = before


def _sample(output: RequestOutput) -> Sample:
    [completion] = output.outputs
    return Sample(
        token_ids=tuple(completion.token_ids),
        finish_reason=completion.finish_reason or "stop",
        cached_tokens=output.num_cached_tokens or 0,
    )
