"""The project's routes and views."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import FileResponse, Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import include, path, re_path
from django.views import View

import saasobs


def ok(request: Any, **arguments: Any) -> HttpResponse:
    saasobs.get_logger("shop").info("inside")
    return HttpResponse("ok")


async def async_ok(request: Any, **arguments: Any) -> HttpResponse:
    await asyncio.sleep(0)
    saasobs.get_logger("shop").info("inside")
    return HttpResponse("ok")


def boom(request: Any, **arguments: Any) -> HttpResponse:
    raise RuntimeError("boom")


async def async_boom(request: Any, **arguments: Any) -> HttpResponse:
    raise RuntimeError("boom")


def missing(request: Any, **arguments: Any) -> HttpResponse:
    raise Http404


def _chunks(*, broken: bool) -> Iterator[str]:
    for part in range(3):
        time.sleep(0.1)
        if broken and part == 2:
            raise RuntimeError("in the middle")
        yield "part"


async def _async_chunks(*, broken: bool) -> AsyncIterator[str]:
    for part in range(3):
        await asyncio.sleep(0.1)
        if broken and part == 2:
            raise RuntimeError("in the middle")
        yield "part"


def stream(request: Any, *, broken: bool = False) -> StreamingHttpResponse:
    return StreamingHttpResponse(_chunks(broken=broken))


async def async_stream(request: Any, *, broken: bool = False) -> StreamingHttpResponse:
    return StreamingHttpResponse(_async_chunks(broken=broken))


def file(request: Any) -> FileResponse:
    return FileResponse(Path(__file__).open("rb"))


def who(request: Any, *, look: bool) -> HttpResponse:
    return HttpResponse(str(request.user.pk) if look else "nobody asked")


def users(request: Any) -> JsonResponse:
    return JsonResponse({"users": list(User.objects.values_list("username", flat=True)), "pid": os.getpid()})


def everything(request: Any, n: int) -> HttpResponse:
    from support.everything import do_everything

    do_everything(n)
    return HttpResponse("never")


class OnlyGet(View):  # type: ignore[misc] # Django has no types
    def get(self, request: Any) -> HttpResponse:
        return HttpResponse("ok")


_inner = [path("r/x/<int:y>/", ok), re_path(r"^regex/(?P<z>\d+)/$", ok)]
urlpatterns = [
    path("v1/outer/<slug:tenant>/", include(_inner)),
    re_path(r"^old/(?P<version>v[0-9]+)/", include(_inner)),
    path("plain/", OnlyGet.as_view()),
    path("reset/<str:token>/", ok),
    path("boom/<int:id>/", boom),
    path("missing/<int:id>/", missing),
    path("async/<str:name>/", async_ok),
    path("async-boom/<int:id>/", async_boom),
    path("stream/", stream),
    path("broken-stream/", stream, {"broken": True}),
    path("async-stream/", async_stream),
    path("async-broken-stream/", async_stream, {"broken": True}),
    path("file/", file),
    path("everything/<int:n>", everything),
    path("who/", who, {"look": True}),
    path("who/not/", who, {"look": False}),
    path("users/", users),
    path("admin/", admin.site.urls),
    *i18n_patterns(path("shop/<slug:item>/", ok)),
]
