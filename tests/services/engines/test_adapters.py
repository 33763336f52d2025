"""Adapters on one base: named by their content, and each answers as its merged model does."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dialogue.errors import EngineError
from dialogue.protocols import Policy
from services.engines import EngineConfig, open_adapters, open_engine
from services.engines.models.adapters import Adapter, arguments, find, is_alone
from services.engines.models.merging import export
from services.engines.server import reading, serving
from tests.helpers.loras import write_lora

CONFIG = EngineConfig(
    "vllm",
    temperature=0.0,
    max_tokens=12,
    max_model_len=256,
    kv_cache_gb=0.1,
    dtype="float32",
    threads=1,
)
PROMPTS = [[{"role": "user", "content": "a cheap hotel please " * (1 + i)}] for i in range(6)]


def found(policy: Path) -> Adapter:
    adapter = find(policy)
    assert adapter
    return adapter


@pytest.fixture(scope="module")
def base(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path_factory.mktemp("base") / "start"))


@pytest.fixture(scope="module")
def arms(base: Path) -> list[Path]:
    return [write_lora(base, base.parent / f"arm{i}" / "arm", seed=i, r=4 * i) for i in (1, 2)]


def test_the_name_is_the_contents_hash(base: Path, arms: list[Path], tmp_path: Path) -> None:
    one, other = map(found, arms)
    assert one.policy.name == other.policy.name
    assert one.name != other.name
    assert one.number != other.number
    assert one.base == base
    copied = found(Path(shutil.copytree(arms[0], tmp_path / "copied")))
    assert (copied.name, copied.number) == (one.name, one.number)
    assert arguments([one, other]) == {"enable_lora": True, "max_loras": 2, "max_lora_rank": 8}
    assert arguments([]) == {}

    again = write_lora(base, tmp_path / "copied", seed=3)  # trained again, in the same folder
    assert found(again).name not in {one.name, other.name}


def test_a_base_with_other_weights_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny_model, tmp_path / "start"))
    policy = write_lora(base, tmp_path / "arm", seed=1)
    assert find(policy)
    with (base / "model.safetensors").open("ab") as weights:
        weights.write(b"\0")
    with pytest.raises(ValueError, match="was trained on other weights than") as refused:
        find(policy)
    assert "\n" not in str(refused.value)
    shutil.rmtree(base)
    with pytest.raises(ValueError, match=r"start, which is not here: run the stage that makes it"):
        find(policy)


@pytest.mark.parametrize("options", [{"use_dora": True}, {"modules_to_save": ["lm_head"]}])
def test_what_vllm_does_not_serve_stays_merged(
    base: Path, options: dict[str, Any], tmp_path: Path
) -> None:
    policy = write_lora(base, tmp_path, seed=1, **options)
    assert find(policy) is None
    assert not is_alone(policy)


def test_a_policy_without_a_lora_has_none(tiny_model: Path) -> None:
    assert find(tiny_model) is None


def test_backends_that_serve_none_say_so(arms: list[Path], tmp_path: Path) -> None:
    config = replace(CONFIG, backend="transformers", model=str(arms[0]))
    with (
        pytest.raises(EngineError, match="transformers serves no adapters"),
        open_adapters(config, [found(arms[0])], log=tmp_path / "log"),
    ):
        pass


async def play(policies: Sequence[Policy]) -> list[list[Sequence[int]]]:
    """The tokens that each policy answers to each prompt; all are asked at once."""
    asked = [policy(prompt, [], seed=0) for prompt in PROMPTS for policy in policies]
    said = [tuple(one.token_ids) if one else () for one in await asyncio.gather(*asked)]
    return [said[i :: len(policies)] for i in range(len(policies))]


@pytest.mark.slow
@pytest.mark.vllm
@pytest.mark.timeout(600)
def test_one_engine_answers_as_the_merged_models_do(
    base: Path, arms: list[Path], tmp_path: Path
) -> None:
    merged = []
    whole = [tmp_path / f"whole{i}" for i in range(len(arms))]
    for arm, out in zip(arms, whole, strict=True):
        export(arm, out)
    for folder in (base, *whole):
        with open_engine(replace(CONFIG, model=str(folder)), log=tmp_path / "log") as policy:
            merged += asyncio.run(play([policy]))
    assert len(set(map(tuple, merged))) == 3
    config = replace(CONFIG, model=str(base))
    adapters = [found(arm) for arm in arms]
    with open_adapters(config, adapters, log=tmp_path / "log") as policies:
        assert asyncio.run(play(policies)) == merged
        assert asyncio.run(play(policies)) == merged  # from the prefix cache
    with open_adapters(replace(config, backend="server"), adapters, log=tmp_path / "log") as served:
        assert [asyncio.run(play([policy])) for policy in served] == [[one] for one in merged]
    alone = replace(config, model=str(arms[1]))
    with open_engine(alone, log=tmp_path / "log") as policy:  # as a harvest opens it
        assert asyncio.run(play([policy])) == [merged[2]]
    with serving(alone, tmp_path / "log") as urls, reading(alone, urls) as policy:  # as benchmarks
        assert asyncio.run(play([policy])) == [merged[2]]


def test_transformers_puts_an_adapter_on_its_base(arms: list[Path], tmp_path: Path) -> None:
    export(arms[1], tmp_path / "whole")
    said = []
    for folder in (arms[1], tmp_path / "whole", found(arms[1]).base):
        config = replace(CONFIG, backend="transformers", model=str(folder))
        with open_engine(config, log=tmp_path / "log") as policy:
            said += asyncio.run(play([policy]))
    assert said[0] == said[1] != said[2]
