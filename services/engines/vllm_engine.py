"""vLLM inside this process, which starts in a third of the time of a server."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dialogue.errors import EngineError
from dialogue.protocols import Policy
from services.engines import vllm_settings
from services.engines.config import EngineConfig, model_folder
from services.engines.engine_log import last_words, records_in
from services.engines.local import LocalPolicy
from services.engines.loop import EngineLoop, Sample
from services.engines.models.adapters import Adapter
from services.engines.models.adapters import arguments as lora_arguments

if TYPE_CHECKING:
    from vllm import RequestOutput
    from vllm.lora.request import LoRARequest
    from vllm.v1.engine.llm_engine import LLMEngine

ENVIRONMENT: Mapping[str, str] = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # the engine is this process
    "VLLM_CONFIGURE_LOGGING": "0",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
}


class VllmEngine:
    """vLLM's synchronous engine as a :class:`~services.engines.loop.TokenEngine`.

    On a CPU the base and its adapters take turns: vLLM 0.32 there answers for the base with an
    adapter if one is in the same batch (its index -1, which stands for none, is the last one's).
    """

    def __init__(
        self,
        engine: LLMEngine,
        sampling: Mapping[str, Any],
        adapters: Mapping[str, LoRARequest] | None = None,
    ) -> None:
        self._engine = engine
        self._sampling = sampling
        self._adapters = adapters or {}
        self._takes_turns = bool(adapters) and vllm_settings.runs_on_cpu()
        self._is_adapted = False
        self._later: dict[int, tuple[Sequence[int], int, str, str]] = {}
        self._ids: dict[int, str] = {}

    def add(
        self, key: int, prompt: Sequence[int], seed: int, adapter: str = "", tag: str = ""
    ) -> None:
        from vllm import SamplingParams
        from vllm.inputs.engine import tokens_input
        from vllm.sampling_params import StructuredOutputsParams

        if self._takes_turns and (self._later or (self._ids and bool(adapter) != self._is_adapted)):
            self._later[key] = prompt, seed, adapter, tag
            return
        self._is_adapted = bool(adapter)
        held = StructuredOutputsParams(structural_tag=tag) if tag else None
        self._ids[key] = self._engine.add_request(
            str(key),
            tokens_input(list(prompt)),
            SamplingParams(**self._sampling, seed=seed, structured_outputs=held),
            lora_request=self._adapters[adapter] if adapter else None,
        )

    def abort(self, key: int) -> None:
        if self._later.pop(key, None) is None:
            self._engine.abort_request([self._ids.pop(key)], internal=True)

    def step(self) -> Mapping[int, Sample]:
        if not self._ids:
            later, self._later = self._later, {}
            for key, request in later.items():
                self.add(key, *request)
        done = {int(o.request_id): _sample(o) for o in self._engine.step() if o.finished}
        for key in done:
            del self._ids[key]
        return done

    def close(self) -> None:
        self._engine.engine_core.shutdown()


@contextmanager
def open_policies(
    config: EngineConfig, log: Path, adapters: Sequence[Adapter] = ()
) -> Iterator[Sequence[Policy]]:
    """See :func:`services.engines.open_adapters`."""
    folder = model_folder(config)
    os.environ.update({**ENVIRONMENT, **vllm_settings.environment(config)})
    with records_in(log, "vllm"), _torch_as_it_was():
        try:
            vllm_settings.require_known(config.vllm)
            vllm_settings.require_one_engine(config.vllm)
            loop = EngineLoop(lambda: start(config, folder, adapters))
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

            def policy(folder: str | Path, adapter: str = "") -> Policy:
                tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
                return LocalPolicy(loop, tokenizer, replace(config, model=str(folder)), adapter)

            yield [policy(config.model), *(policy(one.policy, one.name) for one in adapters)]


def start(config: EngineConfig, folder: Path, adapters: Sequence[Adapter] = ()) -> VllmEngine:
    """Load the model and its adapters; most of the time is the import of vLLM."""
    import torch

    torch.set_num_threads(config.cores)  # for this thread; OMP_NUM_THREADS may come too late
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch warns of vLLM's own code
        from vllm import EngineArgs
        from vllm.lora.request import LoRARequest
        from vllm.sampling_params import RequestOutputKind
        from vllm.v1.engine.llm_engine import LLMEngine

        engine = LLMEngine.from_engine_args(
            EngineArgs(
                **vllm_settings.arguments(config, folder),
                **lora_arguments(adapters),
                skip_tokenizer_init=config.structured == "off",
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
    served = {one.name: LoRARequest(one.name, one.number, str(one.folder)) for one in adapters}
    for request in served.values():
        engine.add_lora(request)
    return VllmEngine(engine, sampling, served)


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
