"""Processes to be killed, forked from one that has imported what they run."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

Body = Callable[..., None]


def start(body: Body, *arguments: object) -> tuple[BaseProcess, Connection]:
    """Start ``body(*arguments, connection)``; returns the process and the connection's other end.

    Only the first start waits for the imports of the body's module: a new interpreter for each of
    a hundred kills took most of their time.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([body.__module__])
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=body, args=(*arguments, sender))
    process.start()
    sender.close()
    return process, receiver
