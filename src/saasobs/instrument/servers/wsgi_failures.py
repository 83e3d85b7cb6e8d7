"""The correlation ID on the 500 that a WSGI server answers by itself, when an app has raised and answered nothing.

PEP 3333 has no way for that, so it depends on the server, and is done only where the app's caller is the server itself:
somebody else in between may have an answer of his own.

- wsgiref: its handler has a list of headers for that response.
- gunicorn: its page has no headers of anybody's, so the same page is sent in its place, and the exception is raised on
  when the page is out: gunicorn logs it and hangs up, as it would have done.
- Others (waitress, Werkzeug's development server): without it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final

from saasobs.instrument import guard

_STATUS: Final = "500 Internal Server Error"
_PAGE: Final = (
    b"<html>\n  <head>\n    <title>Internal Server Error</title>\n  </head>\n  <body>\n"
    b"    <h1><p>Internal Server Error</p></h1>\n  </body>\n</html>\n"
)


@guard.guarded("start")
def servers_page(start_response: Any, error: BaseException, correlation: tuple[str, str]) -> Iterable[bytes] | None:
    """A body to be sent in place of the server's own page; None: the exception is to be raised as it is.

    To be called while the exception is handled. :param correlation: the header and the ID.
    """
    server = getattr(start_response, "__self__", None)
    if server is None or not isinstance(error, Exception) or isinstance(error, OSError):
        return None  # gunicorn takes an OSError for a client that has gone
    kinds = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(server).__mro__}
    if "wsgiref.handlers.BaseHandler" in kinds:
        server.error_headers = [*server.error_headers, correlation]
        return None
    if "gunicorn.http.wsgi.Response" not in kinds or server.headers_sent:
        return None
    server.force_close()
    server.headers, server.response_length = [], None  # of a response that the app has begun: gunicorn would keep them
    headers = [("Content-Type", "text/html"), ("Content-Length", str(len(_PAGE))), correlation]
    start_response(_STATUS, headers, sys.exc_info())
    return _page_and(error)


def _page_and(error: BaseException) -> Iterator[bytes]:
    yield _PAGE
    raise error
