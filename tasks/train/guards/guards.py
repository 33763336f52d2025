"""Guards against rows that would train something other than intended.

A guard is a function of the rendered rows, the tokenizer and TRL's options. It stops a run with the
row, the reason and the setting to change. TRL itself cuts, drops and masks such rows silently.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from tasks.train.guards.rendering import Text
from tasks.train.guards.subject import Subject
from tasks.train.recipe import TrainError

log = logging.getLogger(__name__)

PROBES = 3
"""Number of dialogues of which every prefix is rendered; a template treats all alike."""
SHOWN = 120
"""Number of characters of a text that a message quotes."""


def check(subject: Subject) -> None:
    """Run every guard.

    Raises:
        TrainError: from the first guard that finds something.
    """
    for guard in GUARDS:
        guard(subject)


def tools_missing(subject: Subject) -> None:
    """Require every tool's name in the text before the first answer."""
    for text in subject.texts:
        names = _names(text.tools)
        prompt = subject.tokenizer.decode(
            text.ids[: text.spans[0][0] or None] if text.spans else text.ids
        )
        if missing := [name for name in names if name not in prompt]:
            raise TrainError(
                f"{text.name}: the rendered prompt does not hold the tool {missing[0]}: the chat "
                "template leaves tools out; give the base policy one that renders them "
                "(chat_template.jinja; tasks/bootstrap/templates has some)"
            )


def unmasked(subject: Subject) -> None:
    """Require that the assistant mask covers the assistant messages and nothing else."""
    if not subject.renderer.masked:
        return
    for text in subject.texts:
        if text.prompt is None and (fault := _mask_fault(text, subject)):
            raise TrainError(
                f"{text.name}: {fault}; the chat template's {{% generation %}} must stand right "
                "after the assistant's header, and {% endgeneration %} right after its end token "
                "(chat_template.jinja), or set trl.assistant_only_loss: false"
            )


def _mask_fault(text: Text, subject: Subject) -> str | None:
    if not text.spans:
        return "the assistant mask is empty: no token would be trained"
    if len(text.spans) != len(text.answers):
        return f"the mask has {len(text.spans)} parts for {len(text.answers)} assistant messages"
    for (start, end), answer in zip(text.spans, text.answers, strict=True):
        said = _squeezed(subject.tokenizer.decode(text.ids[start:end]))
        wanted = [answer.get("content") or ""]
        wanted += [call["function"]["name"] for call in answer.get("tool_calls") or ()]
        if lost := [part for part in wanted if _squeezed(part) not in said]:
            return f"the mask leaves out what the assistant said: {lost[0][:SHOWN]!r}"
        if any(token in subject.ends for token in subject.body(text.ids[start:end])):
            return "the mask goes on after the end of the assistant's message"
    return None


def rewritten_history(subject: Subject) -> None:
    """Require that the tokens before an answer are those that the engine reads there."""
    for text in subject.texts:
        if text.prompt is not None and text.spans[0][0] < len(text.prompt):
            _not_preserved(text, "its prompt")
    dialogues = [text for text in subject.texts if text.prompt is None]
    for text in sorted(dialogues, key=lambda text: -len(text.ids))[:PROBES]:
        _probe(text, subject)


def _probe(text: Text, subject: Subject) -> None:
    for number, (position, asked) in enumerate(subject.renderer.turns(text)):
        if list(text.ids[: len(asked)]) != asked:
            _not_preserved(text, f"the text before message {position + 1}")
        # the line break of a header, which TRL's own mask of Qwen2.5 takes in, teaches nothing
        early = text.ids[text.spans[number][0] : len(asked)] if subject.renderer.masked else ()
        if subject.last(early) is not None:
            raise TrainError(
                f"{text.name}: the mask begins before message {position + 1} does: move "
                "{% generation %} behind the assistant's header (chat_template.jinja)"
            )


def _not_preserved(text: Text, what: str) -> None:
    raise TrainError(
        f"{text.name}: {what} is trained otherwise than the engine shows it, so the model would be "
        "trained on what it never reads: the chat template, or TRL's replacement of one without "
        "marks for the mask, is not prefix-preserving; give the base policy a template that only "
        "appends (chat_template.jinja; tasks/bootstrap/templates has some)"
    )


def no_end(subject: Subject) -> None:
    """Require that every answer ends with a token at which an engine stops."""
    if not subject.ends:
        raise TrainError(
            "the tokenizer has no EOS token, so no engine would know where an answer ends: name "
            "one in the base policy's tokenizer_config.json (eos_token)"
        )
    for text in subject.texts:
        for start, end in text.spans:
            last = subject.last(text.ids[start:end])
            if last not in subject.ends:
                raise TrainError(_no_end(text, last, subject))


def _no_end(text: Text, last: int | None, subject: Subject) -> str:
    shown = subject.tokenizer.convert_ids_to_tokens([last] if last is not None else [])
    known = ", ".join(subject.tokenizer.convert_ids_to_tokens(sorted(subject.ends)))
    return (
        f"{text.name}: its trained text ends in {shown}, and engines stop at {known}: the model "
        "would never learn to stop; make eos_token in tokenizer_config.json the token with which "
        "the chat template ends a message, or let the template end it with that one"
    )


def too_long(subject: Subject) -> None:
    """Require that no trained token lies beyond ``max_length`` or the model's context."""
    for text in subject.texts:
        if len(text.ids) > subject.context:
            raise TrainError(
                f"{text.name}: it has {len(text.ids)} tokens, and the model reads "
                f"{subject.context}: lower engine.max_model_len, or take a model that reads more"
            )
        if lost := _lost(text, subject.args):
            raise TrainError(
                f"{text.name}: {lost} of the tokens it should train would be lost: it has "
                f"{len(text.ids)} and trl.max_length is {subject.args.max_length}; set it to "
                f"{max(len(other.ids) for other in subject.texts)} or more, or to null"
            )


def _lost(text: Text, args: Any) -> int:
    """Number of trained tokens that truncation would remove."""
    if args.max_length is None or len(text.ids) <= args.max_length:
        return 0
    keeps_end = getattr(args, "truncation_mode", "keep_start") == "keep_end"
    first = len(text.ids) - int(args.max_length) if keeps_end else 0
    last = first + int(args.max_length)
    kept = sum(max(0, min(end, last) - max(start, first)) for start, end in text.spans)
    return sum(end - start for start, end in text.spans) - kept


def one_sided(subject: Subject) -> None:
    """Require good and bad answers and batches of two or more for KTO, and no bad ones for SFT."""
    labels = [text.label for text in subject.texts if text.label is not None]
    if not _is_kto(subject.args):
        if False in labels:
            raise TrainError(
                f"{labels.count(False)} of {len(labels)} answers are labelled bad, and "
                "SFT would imitate them: train with method kto, or extract with sft"
            )
        return
    good = sum(labels)
    if good in (0, len(labels)):
        raise TrainError(
            f"KTO needs good and bad answers, and of {len(labels)} rows {good} are good: harvest "
            "more scenarios (harvest.scenarios), or extract with kto instead of kto_paired"
        )
    if subject.args.per_device_train_batch_size < 2:
        raise TrainError(
            "KTO compares each answer with another one of its batch: set "
            "trl.per_device_train_batch_size to 2 or more (and gradient_accumulation_steps lower)"
        )


def rewritten(subject: Subject) -> None:
    """Require that the trained texts equal the sampled texts.

    A message is parsed from the model's text, and the template renders it again. The two texts may
    differ, for example in the spaces of JSON, and the model would learn the template's habit. If
    only the tokens differ and not the text, nothing else is learned.
    """
    known, found = 0, list[tuple[Text, str, str]]()
    for text in subject.texts:
        for trained, sampled in _pairs(text, subject):
            known += 1
            if trained != sampled:
                found.append((text, trained, sampled))
    if known == 0:
        log.info("no sampled tokens are recorded: the trained texts are not compared with them")
        return
    log.info("%d of %d answers differ in text from what was sampled", len(found), known)
    if len(found) > subject.max_rewritten * known:
        text, trained, sampled = found[0]
        raise TrainError(
            f"{text.name}: {len(found)} of {known} answers differ from what the model "
            f"wrote: here {_excerpt(sampled, trained)} would be trained as "
            f"{_excerpt(trained, sampled)}; let the chat template write calls as the model does "
            "(chat_template.jinja), or raise train.max_rewritten"
        )


def _pairs(text: Text, subject: Subject) -> Iterator[tuple[str, str]]:
    if len(text.sampled) != len(text.spans):
        return
    for (start, end), sampled in zip(text.spans, text.sampled, strict=True):
        if sampled:
            both = (subject.body(ids) for ids in (text.ids[start:end], sampled))
            trained, said = (subject.tokenizer.decode(ids).rstrip() for ids in both)
            yield trained, said


GUARDS: Sequence[Callable[[Subject], None]] = (
    one_sided,
    no_end,
    tools_missing,
    unmasked,
    rewritten_history,
    too_long,
    rewritten,
)


def _is_kto(args: Any) -> bool:
    return hasattr(args, "undesirable_weight")


@lru_cache(maxsize=64)
def _names(tools: str) -> tuple[str, ...]:
    return tuple(tool["function"]["name"] for tool in json.loads(tools))


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _excerpt(text: str, other: str) -> str:
    """The part of a text around its first difference from the other."""
    differ = (i for i, (a, b) in enumerate(zip(text, other, strict=False)) if a != b)
    at = next(differ, min(len(text), len(other)))
    return repr(text[max(0, at - SHOWN // 3) : at + SHOWN // 3])
