"""Settings of an engine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Gt, Lt

from dialogue.bounds import Amount, Count, Duration, Positive, Share
from dialogue.errors import EngineError
from services.engines import vllm_settings
from services.engines.models import own_code

__all__ = ["Backend", "EngineConfig", "model_folder"]

Backend = Literal["vllm", "transformers", "server", "endpoint", "recorded"]


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """The section ``engine``: the settings that depend neither on the model nor on its use.

    Attributes:
        backend: ``vllm`` and ``transformers`` run in this process; ``server`` starts a vLLM server
            and stops it again; ``endpoint`` uses running OpenAI-compatible servers; ``recorded``
            plays back a file.
        top_p: Probability mass that sampling keeps; 1 keeps every token.
        max_tokens: Maximum number of tokens of one message.
        max_model_len: Maximum number of tokens of prompt and answer together. A prompt that leaves
            no room for `max_tokens` is not answered: the policy returns None.
        max_num_seqs: Maximum number of requests in one step of an in-process engine or server.
        kv_cache_gb: Memory for keys and values, in GiB; 0 leaves the choice to the engine, which on
            a CPU takes nearly all memory.
        dtype: ``float32``, ``bfloat16``, or ``auto`` (the model's own, but vLLM takes 16 bits for
            float32). On a CPU, float32 answers do not depend on the rest of the batch; bfloat16
            answers may, and are a third faster.
        threads: Number of cores that an engine on a CPU uses; 0 for all that this process may use.
        urls: Addresses of the endpoints, up to and with ``/v1``; dialogues are spread over them,
            and move to another if theirs does not answer. For ``server``, those of servers that
            already run.
        api_key_env: Name of the environment variable that holds the endpoint's key; "" for none.
        text_tools: Whether calls are read from the model's text, as the endpoint has no parser.
        tool_parser: Parser that reads calls from the model's text. ``hermes``: JSON in
            ``<tool_call>`` tags. ``json``: these, and messages that are wholly calls in JSON, bare,
            fenced or in ``<tools>``. Any other: vLLM's of this name, which needs vLLM here.
            ``auto``: the one that reads what the chat template writes.
        reasoning_parser: Parser that takes the model's thought out of its text. ``none``: thought
            stays in the text. ``auto``: ``<think>`` blocks, or vLLM's for a template that marks
            thought otherwise. Any other: vLLM's of this name.
        structured: ``calls`` holds a call that the model begins to a tool's name and to its
            parameters by their schema, in the schema's order (:mod:`services.engines.formats.
            structured`); whether it calls, and what, stays its choice. ``off`` leaves texts free.
        tools: How a prompt shows the tools, in training too: their ``schemas``, or ``lines``, one a
            tool with its parameters and their values (:mod:`services.engines.models.dress`).
        chat_template_kwargs: Further arguments of the chat template, as ``{enable_thinking:
            false}``.
        tokenizer: Folder of the tokenizer of a model at an endpoint with `text_tools`, for
            ``auto`` and for vLLM's parsers; "" leaves ``auto`` with ``hermes``. Other backends
            take the model's own.
        timeout: Seconds to wait for an answer of an endpoint, to its last byte.
        port: Port of the server on loopback, of the first of several; 0 for any free port.
        start_timeout: Seconds to wait for a server to start.
        replicas: Number of servers of the model that ``server`` starts, each on GPUs of its own
            where there are any; dialogues are spread over them, and move to another if theirs
            ends.
        vllm: Further fields of vLLM's ``EngineArgs``, by its own names, in process and for the
            server: ``{tensor_parallel_size: 2, gpu_memory_utilization: 0.5}``.
        recording: File that ``recorded`` plays back for any model; "" for the model's own.
    """

    backend: Backend
    top_p: Annotated[Share, Gt(0)] = 1.0
    max_tokens: Positive = 128
    max_model_len: Positive = 2048
    max_num_seqs: Positive = 256
    kv_cache_gb: Amount = 1.0
    dtype: str = "auto"
    threads: Count = 0
    urls: tuple[str, ...] = ()
    api_key_env: str = ""
    text_tools: bool = False
    tool_parser: str = "auto"
    reasoning_parser: str = "auto"
    structured: Literal["off", "calls"] = "off"
    tools: Literal["schemas", "lines"] = "schemas"
    chat_template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    tokenizer: str = ""
    timeout: Duration = 120.0
    port: Annotated[Count, Lt(2**16)] = 0
    start_timeout: Duration = 600.0
    replicas: Positive = 1
    vllm: Mapping[str, Any] = field(default_factory=dict)
    recording: str = ""

    def __post_init__(self) -> None:
        vllm_settings.require_free(self.vllm)
        if self.replicas > 1 and (self.backend != "server" or self.urls):
            raise ValueError("replicas: only backend server, without urls, starts several")
        if self.structured == "calls" and self.backend not in ("vllm", "server"):
            raise ValueError(
                f"structured: backend {self.backend} cannot hold calls to their schemas: set it to "
                "off, or backend to vllm or server, which has urls for running vLLM servers"
            )

    @property
    def cores(self) -> int:
        """The number of threads that `threads` means on this machine."""
        return self.threads or len(os.sched_getaffinity(0))

    @property
    def template_kwargs(self) -> Mapping[str, Any]:
        """Arguments of :func:`services.engines.models.prompt.rendered`, for engine and training."""
        lines = {"tools_in_lines": True} if self.tools == "lines" else {}
        return {**self.chat_template_kwargs, **lines}

    def of(self, model: str | Path, temperature: float) -> EngineConfig:
        """These settings with a model and a temperature."""
        return EngineConfig(**asdict(self), model=str(model), temperature=temperature)


@dataclass(frozen=True, slots=True)
class EngineConfig(EngineSettings):
    """The settings of one engine.

    Attributes:
        model: Folder of the model; for an endpoint, the model's name there, or a folder that holds
            the name (``services.endpoint_model``); for ``recorded`` without a `recording`, the
            file.
        temperature: Temperature of sampling; 0 is greedy.
    """

    model: str = ""
    temperature: Amount = 1.0


def model_folder(config: EngineConfig) -> Path:
    """The model's folder.

    Raises:
        EngineError: the folder holds no model, or one that needs code of its own. This is checked
            before a slow import.
    """
    folder = Path(config.model)
    if not config.model or not (folder / "config.json").is_file():
        raise EngineError(
            f"no model at {config.model or '(engine.model is empty)'}: there is no config.json; "
            "run the stage that makes it (dvc repro), or correct engine.model"
        )
    if reason := own_code.needed(folder):
        raise EngineError(reason)
    return folder
