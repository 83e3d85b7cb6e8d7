"""What threads of ours that use the network load, loaded before they begin.

A process may be forked while such a thread is in the midst of an import. Its child has the module's lock, and no thread
that would ever release it: the child's own first import of the same module waits for ever, be it the app's. Python
loads the codec of host names (`encodings.idna`) at the first connection, so any first connection is such an import.
"""

from __future__ import annotations

import codecs


def prepare_connections() -> None:
    """Call it before a thread of ours opens its first connection; 2 ms once."""
    codecs.lookup("idna")


def prepare_requests() -> None:
    """The same, where the thread uses urllib."""
    prepare_connections()
    import urllib.request  # noqa: F401, PLC0415 - 15 ms that only those who send pings need
