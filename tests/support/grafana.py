"""A server with the shape of Grafana's API for folders and dashboards: it keeps what it is given, and can misbehave."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from support.listening import Quiet, listening

Json = dict[str, Any]
TOKEN = "glsa_of-a-test"


@dataclass
class GrafanaDouble:
    """What it holds, what it was asked, and what it shall answer instead."""

    folders: dict[str, Json] = field(default_factory=dict)
    dashboards: dict[str, Json] = field(default_factory=dict)
    versions: dict[str, list[Json]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    """One for each request, the last stays: a status, `hang`, `drop`, `page`, `redirect`, `garbage`, `other`,
    `terminal`, `fine`."""
    prefix: str = ""
    port: int = 0
    refused: frozenset[str] = frozenset()
    """Permissions that the token lacks: `folders:create`, `dashboards:write`."""
    of_an_editor: bool = False
    """To an Editor, Grafana 13 says 403 of a folder that does not exist."""
    rewriting: bool = False
    """Saves a dashboard in a schema of its own."""
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Its own page."""
        return f"http://127.0.0.1:{self.port}{self.prefix}"

    def edited(self, uid: str, who: str) -> None:
        """Somebody changes a title in the browser."""
        self.dashboards[uid]["dashboard"]["title"] = "mine"
        self.versions[uid].insert(0, {"message": "", "createdBy": who})

    def answer(self, method: str, path: str, body: Json) -> tuple[int, Any]:
        """What Grafana would say."""
        match urlsplit(path).path.removeprefix(self.prefix).strip("/").split("/"):
            case ["api", "folders", *uid]:
                return self._folder(*uid) if uid else self._new_folder(body)
            case ["api", "dashboards", "uid", uid, "versions"]:
                return 200, {"versions": self.versions[uid][:1]}
            case ["api", "dashboards", "uid", uid]:
                there = self.dashboards.get(uid)
                return (200, there) if there else (404, {"message": "Dashboard not found"})
            case ["api", "dashboards", "db"]:
                return self._saved(body)
        return 404, {"message": "Not found"}

    def _folder(self, uid: str) -> tuple[int, Json]:
        missing = (403, {"message": "no folders:read"}) if self.of_an_editor else (404, {"message": "not found"})
        return (200, self.folders[uid]) if uid in self.folders else missing

    def _new_folder(self, body: Json) -> tuple[int, Json]:
        if "folders:create" in self.refused:
            return 403, {"message": "Permissions needed: folders:create"}
        if body["uid"] in self.folders:
            return 412, {"message": "the folder has been changed by someone else"}
        self.folders[body["uid"]] = body
        return 200, body

    def _saved(self, body: Json) -> tuple[int, Json]:
        if "dashboards:write" in self.refused:
            return 403, {"message": "Permissions needed: dashboards:write"}
        if body["folderUid"] not in self.folders:
            return 400, {"message": "folder not found"}
        assert body["overwrite"] is True
        assert body["dashboard"]["id"] is None
        uid = body["dashboard"]["uid"]
        history = self.versions.setdefault(uid, [])
        history.insert(0, {"message": body["message"], "createdBy": "sa-saasobs"})
        stored = {**body["dashboard"], "id": len(self.dashboards) + 1, "version": len(history)}
        if self.rewriting:
            stored |= {"schemaVersion": 99, "preload": False}
        self.dashboards[uid] = {"dashboard": stored, "meta": {"folderUid": body["folderUid"]}}
        return 200, {"uid": uid, "status": "success", "version": len(history)}


@contextmanager
def grafana(double: GrafanaDouble | None = None, context: ssl.SSLContext | None = None) -> Iterator[GrafanaDouble]:
    """It listens until the end of the block; over TLS if there is a context."""
    there = double or GrafanaDouble()
    try:
        with listening(_handler(there), context) as there.port:
            yield there
    finally:
        there.ended.set()


def _handler(double: GrafanaDouble) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        there = double

    return Handler


class _Handler(Quiet):
    there: GrafanaDouble

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        self._answer(json.loads(self.content()))

    def _answer(self, body: Json) -> None:
        there = self.there
        there.asked.append(f"{self.command} {self.path}")
        trouble = there.trouble.pop(0) if len(there.trouble) > 1 else (there.trouble or [""])[0]
        if trouble not in {"", "fine"}:
            self._misbehave(trouble)
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._send(401, {"message": "Invalid API key"})
        else:
            self._send(*there.answer(self.command, self.path, body))

    def _misbehave(self, trouble: str) -> None:
        match trouble:
            case "hang":
                self.there.ended.wait(60)
            case "drop":
                self.close_connection = True
            case "page":
                self.answer(404, b"<html>nothing here</html>", "text/html")
            case "redirect":
                self.answer(302, b"", "text/html", {"Location": "https://login.example.com/"})
            case "garbage":
                self.answer(200, b"{not json", "application/json")
            case "other":
                self._send(200, {"status": "ok"})
            case "terminal":
                self._send(400, {"message": "\x1b[31mred"})
            case status:
                self._send(int(status), {"message": f"as it was told: {status}"})

    def _send(self, status: int, body: Any) -> None:
        self.answer(status, json.dumps(body).encode(), "application/json; charset=UTF-8")
