"""Proxies of the environment (``http_proxy``, ``ALL_PROXY``): none leads to this machine itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

_HERE = ("localhost", "127.0.0.1", "::1")


def is_loopback(url: str) -> bool:
    """Whether an address is of this machine: a proxy would look for it on its own."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:  # brackets that do not match
        return False
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_proxied(url: str) -> bool:
    """Whether the environment has a proxy for an address."""
    address, proxies = urlsplit(url), getproxies()
    return (
        not is_loopback(url)
        and bool(proxies.get(address.scheme) or proxies.get("all"))
        and not proxy_bypass(address.hostname or "")
    )


def bypass_loopback() -> None:
    """Name this machine in NO_PROXY, for clients of other packages, here and in children.

    httpx and requests read the lower-case name first, and then ignore the other.
    """
    if not getproxies().keys() - {"no"}:
        return
    named = [part.strip() for part in getproxies().get("no", "").split(",") if part.strip()]
    if "*" not in named:
        names = ",".join(dict.fromkeys((*named, *_HERE)))
        os.environ.update(no_proxy=names, NO_PROXY=names)


def require_usable() -> None:
    """Refuse proxies that httpx cannot use: its clients fail then, whatever they are to ask.

    Raises:
        ValueError: see :func:`usable`.
    """
    with usable():
        httpx.Client().close()


def answers(url: str) -> bool:
    """Whether a server answers at an address, with success and within a second."""
    try:
        with usable():
            direct = is_loopback(url)
            return httpx.get(url, timeout=1, trust_env=not direct, follow_redirects=True).is_success
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError):
        return False


@contextmanager
def usable() -> Iterator[None]:
    """Where httpx reads the proxies of the environment.

    Raises:
        ValueError: it cannot use one of them.
    """
    try:
        yield
    except (ImportError, ValueError) as error:  # a SOCKS proxy without its package; no proxy at all
        raise ValueError(
            f"a proxy that the environment names cannot be used ({error}): correct or unset "
            "HTTP_PROXY, HTTPS_PROXY and ALL_PROXY, or name the host in NO_PROXY"
        ) from error
