"""What is sent: the query merged into the URL, and a body from a text, JSON, a form or a file."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.core.monitor import Monitor
from saasobs.core.result import Outcome, Reason
from saasobs.probes.http import content
from saasobs.probes.http.content import merged
from saasobs.probes.http.options import HttpOptions
from support.badhttp import BadServer
from support.probing import Prober, check

MERGED: list[tuple[str, dict[str, Any], str]] = [
    ("http://a.example/x", {"page": 2, "all": True}, "http://a.example/x?page=2&all=true"),
    ("http://a.example/x?page=1&q=a%20b", {"page": 2}, "http://a.example/x?q=a%20b&page=2"),
    ("http://a.example/x?p%61ge=1", {"page": "2"}, "http://a.example/x?page=2"),
    ("http://a.example", {"tag": ["a", "b c"]}, "http://a.example?tag=a&tag=b%20c"),
    ("http://a.example/?bare", {"x": "&=?#/é"}, "http://a.example/?bare&x=%26%3D%3F%23%2F%C3%A9"),
    ("http://a.example/?gone=1", {"gone": []}, "http://a.example/"),
    ("http://u:p@a.example/#part", {"x": 1.5}, "http://u:p@a.example/?x=1.5#part"),
]


@pytest.mark.parametrize(("url", "query", "whole"), MERGED, ids=[case[2][16:] for case in MERGED])
def test_the_query_is_merged(url: str, query: dict[str, Any], whole: str) -> None:
    """Names and values are encoded, and replace what the URL has by the same name."""
    options = HttpOptions.model_validate({"url": url, "query": query})
    assert merged(options.url, options.query) == whole
    assert urlsplit(options.where.url).query == urlsplit(whole).query


@given(
    st.dictionaries(st.text(min_size=1, max_size=8), st.lists(st.text(max_size=8), min_size=1, max_size=3), max_size=4)
)
def test_any_query_arrives_as_it_was_written(query: dict[str, list[str]]) -> None:
    """Whatever letters are in it."""
    query = {name.encode("utf-8", "replace").decode(): [v.encode("utf-8", "replace").decode() for v in values]
             for name, values in query.items()}  # fmt: skip
    options = HttpOptions.model_validate({"url": "http://a.example/", "query": query})
    assert parse_qs(urlsplit(options.where.url).query, keep_blank_values=True, strict_parsing=bool(query)) == query


async def test_the_query_is_sent(probe: Prober, bad: BadServer) -> None:
    """It stays with the request, and secret ones are shown nowhere."""
    result = await probe.get(bad.url("/echo?a=1"), query={"b": 2, "token": "t0k3n"}, expect={"status": 500})
    assert bad.asked[0].query == {"a": "1", "b": "2", "token": "t0k3n"}
    assert result.observations["url"] == bad.url("/echo?a=1&b=2&token=***")
    assert "t0k3n" not in repr(result).replace(result.excerpt, "")


BODIES: list[tuple[dict[str, Any], str, str]] = [
    ({"json": {"sku": "é", "n": [1, 2.5, None, True]}}, '{"sku":"é","n":[1,2.5,null,true]}', "application/json"),
    ({"json": "just a text"}, '"just a text"', "application/json"),
    ({"json": False}, "false", "application/json"),
    ({"json": []}, "[]", "application/json"),
    ({"form": {"name": "Zoë B", "n": 1, "tag": ["a", "b"], "empty": ""}}, "name=Zo%C3%AB+B&n=1&tag=a&tag=b&empty=",
     "application/x-www-form-urlencoded"),
    ({"form": {}}, "", "application/x-www-form-urlencoded"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "sent", "content_type"), BODIES, ids=[case[1][:20] for case in BODIES])
async def test_bodies_and_their_types(
    probe: Prober, bad: BadServer, options: dict[str, Any], sent: str, content_type: str
) -> None:
    """JSON and forms come with their Content-Type, unless the file says another."""
    result = await probe.get(bad.url("/echo"), method="POST", **options)
    assert result.outcome is Outcome.UP, result.message
    await probe.get(bad.url("/echo"), method="PUT", headers={"content-type": "text/x"}, **options)
    first, second = bad.asked
    assert (first.body.decode(), first.headers["content-type"]) == (sent, content_type)
    assert (second.body.decode(), second.headers["content-type"]) == (sent, "text/x")


async def test_a_file_is_read_for_every_check(probe: Prober, bad: BadServer, tmp_path: Path) -> None:
    """What is in it now is sent, by the type of its name; without it the check says nothing about the target."""
    file = tmp_path / "order.xml"
    file.write_text("<one/>")
    options: dict[str, Any] = {"method": "POST", "body_file": str(file)}
    await probe.get(bad.url("/echo"), **options)
    file.write_text("<two/>")
    await probe.get(bad.url("/echo"), **options)
    assert [asked.body for asked in bad.asked] == [b"<one/>", b"<two/>"]
    assert bad.asked[0].headers["content-type"] in ("application/xml", "text/xml")
    read = HttpOptions.model_validate({"url": bad.url("/echo"), **options})
    file.unlink()
    asking = Monitor("probe-test", "http", read, read.target(), read.host())
    gone = await probe.probe.check(asking, check())
    assert (gone.outcome, gone.reason) == (Outcome.UNKNOWN, Reason.INTERNAL)
    assert gone.message == "the check failed inside this daemon (body_file: No such file or directory)"
    assert len(bad.asked) == 2


async def test_a_file_that_grew_too_large_is_not_sent(
    probe: Prober, bad: BadServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cap holds at every check."""
    monkeypatch.setattr(content, "MAX_FILE", 1024**2)
    file = tmp_path / "big.bin"
    file.write_bytes(b"x" * (1024**2 + 1))
    result = await probe.get(bad.url("/echo"), method="POST", body_file=str(file))
    assert result.message == "the check failed inside this daemon (body_file: it is larger than 1 MiB)"
    assert sum(result.phases.values()) == result.duration
    assert not bad.asked


async def test_any_method_goes_out(probe: Prober, bad: BadServer) -> None:
    """Also those that nobody has heard of, with a body and without."""
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "M-SEARCH"):
        await probe.get(bad.url("/echo"), method=method)
        if method not in ("GET", "HEAD"):
            await probe.get(bad.url("/echo"), method=method, json={"a": 1})
        assert bad.asked[-1].method == method
    assert json.loads(bad.asked[-1].body) == {"a": 1}


async def test_cookies_are_kept_over_redirects_where_asked(probe: Prober, bad: BadServer) -> None:
    """Off by default; on, they go to the next hops and are gone with the check."""
    url = bad.url("/cookies?to=/echo")
    await probe.get(url)
    assert "cookie" not in bad.asked[-1].headers
    kept = await probe.get(url, keep_cookies=True)
    assert bad.asked[-1].headers["cookie"] == "seen=yes"
    assert kept.observations["redirects"] == 1
    await probe.get(bad.url("/echo"), keep_cookies=True)
    assert "cookie" not in bad.asked[-1].headers


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"method": "POST", "body": "x", "json": {}}, "give one body: body or json"),
    ({"method": "POST", "form": {}, "body_file": "/etc/hostname"}, "give one body: form or body_file"),
    ({"method": "POST", "body_file": "/nowhere"}, "body_file: /nowhere is not a file"),
    ({"json": {}}, "a GET request has no body: set method"),
    ({"method": "CONNECT"}, "CONNECT is for proxies"),
    ({"method": "POST", "json": {"when": dt.date(2026, 1, 1)}}, "put dates in quotes"),
    ({"method": "POST", "json": float("nan")}, "it holds what JSON has not"),
    ({"method": "POST", "form": {"a": {"b": 1}}}, "must be a text, a number, true, false, or a list of these"),
    ({"query": {"a": None}}, "must be a text, a number, true, false, or a list of these"),
    ({"auth": {"kind": "basic", "user": "a:b", "password": "x"}}, "a user name cannot hold a colon"),
    ({"auth": {"kind": "basic", "user": "a", "password": "x\ny"}}, "cannot hold line breaks"),
    ({"auth": {"kind": "bearer", "token": "a b"}}, "a bearer token has no spaces"),
    ({"auth": {"kind": "magic"}}, "'basic', 'digest', 'bearer', 'oauth2'"),
    ({"auth": {"kind": "bearer", "token": "x"}, "headers": {"authorization": "y"}},
     "give the login under auth or in the header Authorization, not both"),
    ({"url": "https://u:p@a.example/", "auth": {"kind": "bearer", "token": "x"}},
     "give the login under auth or in the URL, not both"),
    ({"accept_encoding": "gzip", "headers": {"Accept-Encoding": "br"}}, "give accept_encoding or the header"),
    ({"accept_encoding": "zstd"}, "Input should be 'gzip', 'deflate', 'br' or 'identity'"),
    ({"http_version": "4"}, "Input should be 'any', '1.0', '1.1', '2', '2-prior-knowledge' or '3'"),
    ({"http_version": 3, "url": "http://a.example/"}, "HTTP/3 is for https:// only"),
    ({"http_version": 3, "proxy": "http://p.example:3128"}, "HTTP/3 cannot go through a proxy"),
    ({"proxy": "ftp://p.example:21"}, "begins with http://, https://, socks5:// or socks5h://"),
    ({"proxy": "http://p.example"}, "a proxy's URL has a host and a port, as in http://proxy.acme.example:3128"),
    ({"proxy": "http://p.example:3128/path"}, "a proxy's URL ends with its port"),
    ({"proxy": "http://p.example:99999"}, "is not a URL"),
    ({"proxy": {"url": "http://u:p@p.example:1", "user": "u"}}, "in the URL or under user and password, not both"),
    ({"proxy": {"url": "http://p.example:1", "password": "u"}}, "password needs user beside it"),
    ({"address": "10.0.0.1", "ip_version": 6}, "is not of ip_version 6"),
    ({"client_key": "/etc/hostname"}, "client_key needs client_certificate beside it"),
    ({"expect": {"http_version": "9"}}, "Input should be '1.0', '1.1', '2' or '3'"),
    ({"expect": {"compression": "lots"}}, "Input should be 'required' or 'forbidden'"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "words"), REFUSED, ids=[case[1][:40] for case in REFUSED])
def test_what_does_not_go_together_is_refused(options: dict[str, Any], words: str) -> None:
    """Before anything runs, in words that help."""
    with pytest.raises(ValueError, match=r".") as refused:
        HttpOptions.model_validate({"url": "https://a.example/", **options})
    assert words in str(refused.value)


def test_nothing_secret_is_shown() -> None:
    """Bodies, logins, tokens, proxies' passwords: in no repr, no dump, no target."""
    login = {"kind": "oauth2", "token_url": "https://x:hushA@t.example/?key=hushB", "client_id": "me",
             "client_secret": "hushC", "parameters": {"a": "hushD"}, "headers": {"X-Key": "hushE"}}  # fmt: skip
    options = HttpOptions.model_validate({
        "url": "https://a.example/?sig=hushF", "query": {"token": "hushG"}, "method": "POST",
        "form": {"password": "hushH", "q": ["hushI"]}, "auth": login, "proxy": "http://me:hushJ@p.example:3128",
    })  # fmt: skip
    others = [
        HttpOptions.model_validate({"url": "https://a.example/", "method": "POST", **more})
        for more in (
            {"json": {"a": "hushK"}},
            {"proxy": {"url": "http://p.example:1", "user": "u", "password": "hushL"}},
            {"auth": {"kind": "basic", "user": "u", "password": "hushM"}},
            {"auth": {"kind": "digest", "user": "u", "password": "hushN"}},
            {"auth": {"kind": "bearer", "token": "hushO"}},
        )
    ]
    for one in (options, *others):
        shown = f"{one!r}{one}{one.model_dump()}{one.model_dump_json()}{one.target()}{one.request!r}{one.unusual!r}"
        assert "hush" not in shown, shown
    assert "hush" not in repr(options.token_request)
    assert options.target() == "https://a.example/?sig=***&token=***"
