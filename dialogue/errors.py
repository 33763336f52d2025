"""Errors of dialogues: which are values, which are tried again, and which stop a run.

* A full context and a refused tool call are no errors: a policy returns None, a tool answers with
  an ``error``. Both are part of what a dialogue is scored by.
* An :class:`EndpointBusy`, a ConnectionError and a TimeoutError may pass. They are tried again in
  one place, :class:`dialogue.endpoints.retries.Retry`: a ``ChatClient`` does it for its endpoints,
  the search for worlds, and for engines that do not wait themselves. What outlasts this patience is
  a :class:`Fault`, which is not tried again.
* A :class:`Fault`, or any other exception of an engine, a user or a world, ends its dialogue and no
  other: a tree with an ``error``, a dialogue without a score, never a label. A stage fails if there
  are too many, keeps what it has, and goes on when it is run again.
* An :class:`EngineError` stops the run that opens the engine.

::

    RuntimeError
        Fault
            EndpointError
                EndpointBusy
                    EndpointGarbled
            UserError
        EngineError
"""

from __future__ import annotations


class Fault(RuntimeError):  # noqa: N818 - a fault, as opposed to an answer
    """An engine, a user or a world failed. It ends its dialogue, and never becomes a label."""


class EndpointError(Fault):
    """An endpoint refused a request, and would again; the message says which, and what to do."""


class EndpointBusy(EndpointError):  # noqa: N818 - as above
    """An endpoint is away, slow, overloaded or broken, which may pass.

    Attributes:
        after: Seconds the endpoint asks to wait for; 0 where it does not.
    """

    def __init__(self, why: str, after: float = 0.0) -> None:
        super().__init__(why)
        self.after = after


class EndpointGarbled(EndpointBusy):
    """An endpoint answered what is no chat completion: worth a few attempts, not ten minutes."""


class UserError(Fault):
    """The model that plays the user gave no utterance; the dialogue cannot be scored."""


class EngineError(RuntimeError):
    """An engine that cannot start, is gone, or has no answer: asking it again does not help."""
