"""A middleware of the app's own that sets a request ID, as django-guid and its like do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.utils.decorators import sync_and_async_middleware


@sync_and_async_middleware
def own_request_id(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    if iscoroutinefunction(get_response):

        async def around_async(request: Any) -> Any:
            response = await get_response(request)
            response.headers["x-request-id"] = "the app's own"
            return response

        return around_async

    def around(request: Any) -> Any:
        response = get_response(request)
        response.headers["x-request-id"] = "the app's own"
        return response

    return around
