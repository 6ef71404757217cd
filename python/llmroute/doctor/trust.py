"""Which certificates are trusted: the same ladder as ``cpp/llmroute/net/ca_ladder.cpp`` has.

A named source that cannot be read ends the ladder: whoever asked for a bundle does not silently
get another one.
"""

from __future__ import annotations

import dataclasses
import os
import ssl
from typing import Final

__all__ = ["SYSTEM_FILES", "Trust", "context_of", "find_trust"]

SYSTEM_FILES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
)
"""Where systems keep their bundle; a test compares it with the core's."""


@dataclasses.dataclass(frozen=True)
class Trust:
    """Where trusted certificates come from.

    Parameters
    ----------
    path : str
        A bundle in PEM form, or a folder of hashed certificates; empty where nothing was found.
    by : str
        What named it: ``ca_file``, ``SSL_CERT_FILE``, ``SSL_CERT_DIR`` or ``the system``.
    problem : str
        Why it cannot be used; empty where it can.
    """

    path: str
    by: str
    problem: str = ""


def find_trust(ca_file: str) -> Trust:
    """Return the first step of the ladder that exists.

    Parameters
    ----------
    ca_file : str
        Of the deployment or its provider; empty: none.

    Examples
    --------
    >>> find_trust("/nowhere/ca.pem").problem
    'cannot be read'
    """
    for path, by in ((ca_file, "ca_file"), (os.environ.get("SSL_CERT_FILE"), "SSL_CERT_FILE")):
        if path:
            return Trust(path, by, "" if _readable(path) else "cannot be read")
    folder = os.environ.get("SSL_CERT_DIR")
    if folder:
        return Trust(folder, "SSL_CERT_DIR", "" if os.path.isdir(folder) else "is not a folder")
    for path in SYSTEM_FILES:
        if _readable(path):
            return Trust(path, "the system")
    return Trust("", "the system", "no bundle was found")


def _readable(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.R_OK)


def context_of(trust: Trust) -> ssl.SSLContext:
    """Make a client's context that trusts this and nothing else.

    Raises
    ------
    OSError
        The file is no bundle (`ssl.SSLError` is one).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if os.path.isdir(trust.path):
        context.load_verify_locations(capath=trust.path)
    else:
        context.load_verify_locations(cafile=trust.path)
    return context
