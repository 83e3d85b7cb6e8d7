"""Hands dashboards to a Grafana over its HTTP API (grafana.com/docs/grafana/latest/developers/http_api).

Everything is sent with `overwrite`, and only where it differs: to push again changes nothing, and may be done after any
failure. What somebody changed in Grafana meanwhile is in its history of versions.

1. Each version that is written bears a digest of what was sent, in its message. Grafana may rewrite a dashboard as it
   saves it (12 and later bring it to their own schema): then the digest of the last version says that it is ours still.
2. What may not be looked at may all the same be there to be written: to an Editor's token, Grafana 13 answers 403 for a
   folder that does not exist (github.com/block/proto-fleet/pull/830). So only a refusal to write is one.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx

from saasobs._version import __version__
from saasobs.core.errors import SaasobsError
from saasobs.grafana.shipped import Dashboard
from saasobs.web.guard import is_loopback_name

TIMEOUT: Final = 20.0
"""Seconds for one answer."""
_PAUSES: Final = (0.5, 1.0, 2.0)
"""Before it is tried again, seconds."""
_AGAIN: Final = frozenset({429, 500, 502, 503, 504})
_OURS: Final = "saasobs"
_GRAFANAS: Final = ("id", "version")
"""What Grafana writes into a dashboard."""
_EXISTS: Final = frozenset({409, 412})
"""To a folder that is there already."""


class GrafanaError(SaasobsError):
    """Grafana said no, or nothing that makes sense; its text says what to do."""


class NoGrafanaError(GrafanaError):
    """It cannot be reached, does not take the token or is something else: nothing more will come of it."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What came of one dashboard, or what would."""

    outcome: str
    """`created`, `updated` or `unchanged`."""
    url: str
    overwritten: str = ""
    """Who had changed it in Grafana since."""


class Grafana:
    """One organisation of a Grafana, as a service account may change it."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout: float = TIMEOUT,
        pauses: tuple[float, ...] = _PAUSES,
        waiting: Callable[[str], None] = lambda _: None,
    ) -> None:
        """:param url: of Grafana's own page, with a path if it has one.
        :param waiting: is told why it takes longer.
        :raises NoGrafanaError: the environment's proxy or CA file cannot be used.
        """
        self._url = url.rstrip("/")
        self._pauses = pauses
        self._waiting = waiting
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json", "User-Agent": _OURS}
        try:  # redirects are not followed: the token stays here
            self._http = httpx.Client(headers=headers, timeout=timeout, mounts=_past_proxies(url))
        except (OSError, ValueError) as error:
            raise NoGrafanaError(f"SSL_CERT_FILE, SSL_CERT_DIR or a proxy's variable is of no use: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def folder(self, uid: str) -> None:
        """See that there is one. :raises GrafanaError:"""
        if self._look(f"/api/folders/{uid}", may="folders:read") is not None:
            return
        answer = self._answer("POST", "/api/folders", {"uid": uid, "title": uid})
        if answer.status_code not in _EXISTS:
            self._read(answer, may="folders:create")

    def compare(self, dashboard: Dashboard, folder: str) -> Pushed:
        """What `push` would do; nothing is written. :raises GrafanaError:"""
        uid = dashboard["uid"]
        url = f"{self._url}/d/{uid}"
        there = self._look(f"/api/dashboards/uid/{uid}", may="dashboards:read")
        if not isinstance(there, dict):
            return Pushed("created", url)
        meta = there["meta"] if isinstance(there.get("meta"), dict) else {}
        stays = meta.get("folderUid", folder) == folder
        if stays and _same(there.get("dashboard"), dashboard):
            return Pushed("unchanged", url)
        if meta.get("provisioned") is True:
            raise GrafanaError(
                "Grafana reads it from a file of its provisioning, and lets nobody else write it:"
                " bring that file up to date with `saasobs grafana export`, or remove it"
            )
        message, who = self._last_version(uid)
        if stays and message.endswith(_digest(dashboard)):
            return Pushed("unchanged", url)
        return Pushed("updated", url, "" if message.startswith(_OURS) else who)

    def push(self, dashboard: Dashboard, folder: str) -> Pushed:
        """Create it, or bring it up to date. :raises GrafanaError:"""
        came = self.compare(dashboard, folder)
        if came.outcome == "unchanged":
            return came
        body = {
            "dashboard": {**dashboard, "id": None},
            "folderUid": folder,
            "overwrite": True,
            "message": f"{_OURS} {__version__}, content {_digest(dashboard)}",
        }
        answer = self._answer("POST", "/api/dashboards/db", body)
        said = self._read(answer, may="dashboards:create and dashboards:write")
        if not isinstance(said, dict) or said.get("uid") != dashboard["uid"]:
            raise NoGrafanaError(self._no_grafana(answer, "an answer of another kind"))
        return came

    def _last_version(self, uid: str) -> tuple[str, str]:
        """Its message, and who saved it; both empty where Grafana does not say."""
        try:
            said = self._look(f"/api/dashboards/uid/{uid}/versions?limit=1", may="dashboards:write")
        except GrafanaError:
            return "", ""
        versions = said.get("versions") if isinstance(said, dict) else said  # a list, before Grafana 11
        last = versions[0] if isinstance(versions, list) and versions else None
        if not isinstance(last, dict):
            return "", ""
        return str(last.get("message") or ""), _shown(last.get("createdBy") or "somebody")

    def _look(self, path: str, *, may: str) -> Any:
        """None when it is not there, or may not be looked at."""
        answer = self._answer("GET", path)
        return None if answer.status_code in {403, 404} and _is_json(answer) else self._read(answer, may)

    def _answer(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        """Whatever it is, once it is no trouble of a moment."""
        for pause in self._pauses:
            try:
                answer = self._once(method, path, body)
            except _Moment as error:
                why = str(error)
            else:
                if answer.status_code not in _AGAIN:
                    return answer
                why = f"Grafana answered {answer.status_code}"
            self._waiting(f"{why}; trying again in {pause:g} s")
            time.sleep(pause)
        return self._once(method, path, body)

    def _once(self, method: str, path: str, body: Mapping[str, Any] | None) -> httpx.Response:
        try:
            return self._http.request(method, f"{self._url}{path}", json=body)
        except httpx.TimeoutException as error:
            raise _Moment(f"{self._url} does not answer in {self._http.timeout.read:g} s") from error
        except UnicodeError as error:
            raise NoGrafanaError(f"{self._url} has a name that no host has ({error})") from error
        except httpx.HTTPError as error:
            if hint := next((hint for known, hint in _TLS.items() if known in str(error)), ""):
                raise NoGrafanaError(f"{self._url}: {hint} ({_shown(error)})") from error
            raise _Moment(f"{self._url} cannot be reached: {_shown(error) or type(error).__name__}") from error

    def _read(self, answer: httpx.Response, may: str) -> Any:
        """:param may: the permission that this takes, in Grafana's words."""
        status, said = answer.status_code, _message(answer)
        if status == 401:
            raise NoGrafanaError(
                "Grafana does not take this token: make one under Administration, Service accounts (role Editor)"
            )
        if status == 403:
            raise GrafanaError(f"this token lacks {may}: give its service account the role Editor{said}")
        if status in _AGAIN:
            raise GrafanaError(f"Grafana answered {status}{said}")
        if status in {400, 404} and "folder" in said.lower():
            raise GrafanaError(
                f"Grafana has another folder of that name, or none{said}: --folder takes the uid of one that is there"
            )
        if answer.is_redirect or status in {404, 405} or not _is_json(answer):
            raise NoGrafanaError(self._no_grafana(answer, "no such path" if _is_json(answer) else "no JSON"))
        if status == 412:
            raise GrafanaError(f"somebody saved it at this moment: push again{said}")
        if not answer.is_success:
            raise GrafanaError(f"Grafana answered {status}{said}")
        try:
            return answer.json()
        except ValueError as error:
            raise NoGrafanaError(self._no_grafana(answer, "no JSON")) from error

    def _no_grafana(self, answer: httpx.Response, what: str) -> str:
        if answer.is_redirect:
            what = f"a redirect to {_shown(answer.headers.get('Location', ''))}"
        return (
            f"what answers at {self._url} is not Grafana's API (status {answer.status_code}, {what}):"
            " give the address at which Grafana's own page is, with its path"
        )


def _past_proxies(url: str) -> Mapping[str, None]:
    """To this machine there is none: a proxy could not reach it, and would read the token."""
    return dict.fromkeys(("http://", "https://", "all://")) if is_loopback_name(urlsplit(url).hostname or "") else {}


class _Moment(NoGrafanaError):
    """May be over in a moment."""


_TLS: Final[Mapping[str, str]] = {
    "CERTIFICATE_VERIFY_FAILED": "its certificate is not trusted; SSL_CERT_FILE names the CA's file if it is your own",
    "WRONG_VERSION_NUMBER": "what answers there speaks no TLS; is it http://?",
    "RECORD_LAYER_FAILURE": "what answers there speaks no TLS; is it http://?",
}
"""What no second try mends, in the words of OpenSSL and in ours."""


def _same(there: object, dashboard: Dashboard) -> bool:
    return isinstance(there, dict) and {k: v for k, v in there.items() if k not in _GRAFANAS} == dashboard


def _digest(dashboard: Dashboard) -> str:
    return hashlib.sha256(json.dumps(dashboard, sort_keys=True).encode()).hexdigest()[:16]


def _is_json(answer: httpx.Response) -> bool:
    return "json" in answer.headers.get("Content-Type", "")


def _message(answer: httpx.Response) -> str:
    """Grafana's own words."""
    try:
        said = answer.json()["message"]
    except (ValueError, KeyError, TypeError):
        return ""
    return f" ({_shown(said)})"


def _shown(words: object) -> str:
    """What a server said, without what a terminal would obey."""
    return "".join(letter for letter in str(words)[:200] if letter.isprintable()).rstrip(".")
