"""vLLM inside this process: nothing to start by hand, nothing to leak, a third of the start-up."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.engines.config import EngineConfig, EngineError, last_words, model_folder
from tasks.engines.local import LocalPolicy
from tasks.engines.loop import EngineLoop, Sample
from toolwoz.completion import Policy

if TYPE_CHECKING:
    from vllm import RequestOutput
    from vllm.v1.engine.llm_engine import LLMEngine


class VllmEngine:
    """vLLM's synchronous engine as a :class:`~tasks.engines.loop.TokenEngine`."""

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
    """See :func:`tasks.engines.open_engine`."""
    folder = model_folder(config)
    _set_environment(config)
    with _logged_to(log):
        try:
            loop = EngineLoop(lambda: start(config, folder))
        except (ImportError, OSError, RuntimeError, ValueError) as error:
            raise EngineError(
                f"vLLM did not start with {folder}: {error}\n{last_words(log)}\n"
                "If memory ran out, lower engine.kv_cache_gb or engine.max_num_seqs; without a "
                "vLLM that works here, set engine.backend to transformers."
            ) from error
        with loop:
            from transformers import AutoTokenizer

            yield LocalPolicy(loop, AutoTokenizer.from_pretrained(folder), config)


def start(config: EngineConfig, folder: Path) -> VllmEngine:
    """Load the model; seconds, of which the import is the most."""
    from vllm import EngineArgs
    from vllm.platforms import current_platform
    from vllm.sampling_params import RequestOutputKind
    from vllm.v1.engine.llm_engine import LLMEngine

    arguments = EngineArgs(
        model=str(folder),
        skip_tokenizer_init=True,
        dtype=config.dtype,
        seed=0,
        max_model_len=config.max_model_len,
        max_num_seqs=config.max_num_seqs,
        max_num_batched_tokens=max(4096, config.max_model_len),
        enable_prefix_caching=True,
        disable_log_stats=True,
        use_tqdm_on_load=False,
        **(
            {"kv_cache_memory_bytes": int(config.kv_cache_gb * 2**30)} if config.kv_cache_gb else {}
        ),
        **(CPU_ARGUMENTS if current_platform.is_cpu() else {}),
    )
    engine = LLMEngine.from_engine_args(arguments)
    return VllmEngine(
        engine,
        {
            "temperature": config.temperature,
            "top_p": config.top_p,
            "max_tokens": config.max_tokens,
            "detokenize": False,
            "output_kind": RequestOutputKind.FINAL_ONLY,
        },
    )


CPU_ARGUMENTS: Mapping[str, Any] = {
    # Compiling takes two minutes on two cores, each time: vLLM's cache of it does not load on CPUs.
    "enforce_eager": True,
    # What the prefix cache shares is whole blocks. The default of 128 tokens is longer than most
    # turns of a dialogue; 32 is the least that the attention kernel takes.
    "block_size": 32,
    # A seeded request whose prompt is split makes vLLM 0.32 rewind its random generator, and CPU
    # generators cannot: "CPU Generator does not use offset".
    "enable_chunked_prefill": False,
}


def _set_environment(config: EngineConfig) -> None:
    """What vLLM reads from the environment only. What the user has set stays."""
    settings = {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_CONFIGURE_LOGGING": "0",
        "VLLM_NO_USAGE_STATS": "1",
        # Pinning threads to cores halves the speed where other processes use these cores, too.
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        # Unset, vLLM takes one core of a CPU.
        "OMP_NUM_THREADS": str(config.cores),
        "TORCH_CPP_LOG_LEVEL": "ERROR",
    }
    for name, value in settings.items():
        os.environ.setdefault(name, value)


@contextmanager
def _logged_to(path: Path) -> Iterator[None]:
    """vLLM's log records go to the file and nowhere else."""
    logger = logging.getLogger("vllm")
    before = logger.level, logger.propagate
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()
        logger.setLevel(before[0])
        logger.propagate = before[1]


def _sample(output: RequestOutput) -> Sample:
    [completion] = output.outputs
    return Sample(
        token_ids=tuple(completion.token_ids),
        finish_reason=completion.finish_reason or "stop",
        cached_tokens=output.num_cached_tokens or 0,
    )
