"""`saasobs grafana push | export`: against a server of Grafana's shape, since no package registry has a Grafana."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from saasobs.cli import grafana as command
from saasobs.cli.main import main
from saasobs.core.errors import SaasobsError
from saasobs.grafana import push, shipped
from support.boards import FILES, ROOT
from support.grafana import TOKEN, GrafanaDouble, grafana
from support.tls import Certificates

UIDS = {f"saasobs-{name}" for name in FILES}


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[GrafanaDouble]:
    """A Grafana, whose token is in the environment; nobody waits long."""
    monkeypatch.setenv(command.TOKEN, TOKEN)
    monkeypatch.setattr(
        push.Grafana.__init__, "__kwdefaults__", {"timeout": 1.0, "pauses": (0.01, 0.01), "waiting": None}
    )
    with grafana() as double:
        yield double


def _push(there: GrafanaDouble, *more: str) -> int:
    return main(["grafana", "push", "--url", there.url, *more])


def test_push(there: GrafanaDouble, capsys: pytest.CaptureFixture[str]) -> None:
    """All seven, in a folder of their own; a second time nothing is written."""
    assert _push(there) == 0
    assert there.dashboards.keys() == UIDS
    assert there.folders.keys() == {"saasobs"}
    said = capsys.readouterr().out
    assert said.count("created") == 7
    assert f"{there.url}/d/saasobs-overview" in said
    there.asked.clear()
    assert _push(there) == 0
    assert capsys.readouterr().out.count("unchanged") == 7
    assert not [line for line in there.asked if line.startswith("POST")]


def test_an_older_one_is_updated(there: GrafanaDouble, capsys: pytest.CaptureFixture[str]) -> None:
    """One that an older saasobs pushed, without many words; one that somebody changed, with the name."""
    assert _push(there) == 0
    there.dashboards["saasobs-slo"]["dashboard"]["panels"].pop()
    there.versions["saasobs-slo"][0]["message"] = "saasobs 0.0.1, content 0123456789abcdef"
    there.edited("saasobs-route", "ana")
    capsys.readouterr()
    assert _push(there, "--only", "slo, route,data") == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("updated")
    assert "changed" not in told[0]
    assert "(ana changed it there: that version stays in its history)" in told[1]
    assert told[2].startswith("unchanged")
    assert there.dashboards["saasobs-route"]["dashboard"]["title"] == "saasobs / Route"


def test_what_a_team_has_of_its_own(there: GrafanaDouble) -> None:
    """Its data source, its Loki, its Sentry."""
    own = ["--datasource", "prom1", "--loki-uid", "logs1", "--sentry-url", "https://acme.sentry.io/"]
    assert _push(there, *own) == 0
    for stored in there.dashboards.values():
        values = {one["name"]: one["current"]["value"] for one in stored["dashboard"]["templating"]["list"]
                  if one["name"] in {"datasource", "loki", "sentry"}}  # fmt: skip
        assert values == {"datasource": "prom1", "loki": "logs1", "sentry": "https://acme.sentry.io"}


def test_below_a_path_and_for_machines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """https://example.com/grafana/ is an address of Grafana; `--json` says what came of each."""
    monkeypatch.setenv(command.TOKEN, TOKEN)
    with grafana(GrafanaDouble(prefix="/grafana")) as there:
        assert main(["grafana", "push", "--url", f"{there.url}/", "--json", "--only", "overview"]) == 0
    told = json.loads(capsys.readouterr().out)
    [one] = told["dashboards"]
    assert (one["uid"], one["outcome"], one["url"]) == (
        "saasobs-overview", "created", f"{there.url}/d/saasobs-overview"
    )  # fmt: skip


def test_dry_run(there: GrafanaDouble, capsys: pytest.CaptureFixture[str]) -> None:
    """It compares and says what would be done, whose change would be overwritten too, and writes nothing."""
    assert _push(there, "--only", "slo,route") == 0
    there.edited("saasobs-route", "ana")
    there.asked.clear()
    capsys.readouterr()
    assert _push(there, "--only", "overview,slo,route", "--dry-run") == 0
    told = capsys.readouterr().out.splitlines()
    assert [line[:17].strip() for line in told] == ["would be created", "unchanged", "would be updated"]
    assert "(ana changed it there" in told[2]
    assert not [line for line in there.asked if line.startswith("POST")]


def test_an_editors_token(there: GrafanaDouble) -> None:
    """What may not be looked at is written all the same; a folder that is there already is no trouble."""
    there.of_an_editor = True
    assert _push(there, "--only", "slo") == 0
    assert there.dashboards.keys() == {"saasobs-slo"}
    there.trouble = ["403", ""]  # the folder may not be looked at, and is there
    assert _push(there, "--only", "slo") == 0


def test_another_folder_of_that_name(there: GrafanaDouble, capsys: pytest.CaptureFixture[str]) -> None:
    """Which has another uid: it cannot be made, and is not ours."""
    there.trouble = ["403", "412", ""]
    assert _push(there, "--only", "slo") == 1
    assert "--folder takes the uid of one that is there" in capsys.readouterr().out


def test_a_grafana_that_rewrites(there: GrafanaDouble, capsys: pytest.CaptureFixture[str]) -> None:
    """What it made of ours is ours still; what somebody else wrote over it is not."""
    there.rewriting = True
    assert _push(there, "--only", "slo") == 0
    capsys.readouterr()
    assert _push(there, "--only", "slo") == 0
    assert capsys.readouterr().out.startswith("unchanged")
    there.edited("saasobs-slo", "ana")
    assert _push(there, "--only", "slo") == 0
    assert "(ana changed it there" in capsys.readouterr().out


def test_moved_or_provisioned(there: GrafanaDouble, capsys: pytest.CaptureFixture[str]) -> None:
    """One in another folder is brought back; one that Grafana reads from a file is said to be so."""
    assert _push(there, "--only", "slo,route") == 0
    there.dashboards["saasobs-slo"]["meta"]["folderUid"] = "attic"
    there.dashboards["saasobs-route"]["meta"]["provisioned"] = True
    there.edited("saasobs-route", "a file")
    capsys.readouterr()
    assert _push(there, "--only", "slo,route") == 1
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("updated")
    assert there.dashboards["saasobs-slo"]["meta"]["folderUid"] == "saasobs"
    assert "Grafana reads it from a file of its provisioning" in told[1]


@pytest.mark.parametrize("lacking", ["folders:create", "dashboards:write"])
def test_a_token_that_may_too_little(there: GrafanaDouble, capsys: pytest.CaptureFixture[str], lacking: str) -> None:
    """It says which permission is missing, and what gives it."""
    there.refused = frozenset({lacking})
    assert _push(there, "--only", "slo") == 1
    streams = capsys.readouterr()
    said = streams.out + streams.err
    assert lacking in said
    assert "give its service account the role Editor" in said


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("401", "Grafana does not take this token"),
        ("403", "this token lacks folders:create: give its service account the role Editor (as it was told: 403)"),
        ("404", "is not Grafana's API (status 404, no such path)"),
        ("other", "is not Grafana's API (status 200, an answer of another kind)"),
        ("terminal", "Grafana answered 400 ([31mred"),
        ("page", "is not Grafana's API (status 404, no JSON)"),
        ("redirect", "a redirect to https://login.example.com/"),
        ("garbage", "is not Grafana's API (status 200, no JSON)"),
        ("hang", "does not answer in 0.5 s"),
        ("drop", "cannot be reached"),
        ("500", "Grafana answered 500 (as it was told: 500)"),
        ("400", "Grafana answered 400 (as it was told: 400)"),
    ],
)
def test_trouble(there: GrafanaDouble, capsys: pytest.CaptureFixture[str], trouble: str, said: str) -> None:
    """A sentence that says what to do, exit code 1, and never the token."""
    there.trouble = [trouble]
    patience = ["--timeout", "0.5"] if trouble == "hang" else []
    assert _push(there, *patience) == 1
    streams = capsys.readouterr()
    assert said in streams.out + streams.err
    assert "\x1b" not in streams.out + streams.err
    assert "Traceback" not in streams.err
    assert TOKEN not in streams.out + streams.err


def test_a_moment_of_trouble(there: GrafanaDouble, capsys: pytest.CaptureFixture[str]) -> None:
    """Tried again; who waits is told why."""
    there.trouble = ["500", "500", "fine", "503", "drop", ""]
    assert _push(there, "--only", "slo") == 0
    assert there.dashboards.keys() == {"saasobs-slo"}
    assert "Grafana answered 503; trying again in 0.01 s" in capsys.readouterr().err


def test_some_fail(there: GrafanaDouble, capsys: pytest.CaptureFixture[str]) -> None:
    """The others are pushed, and the exit code says so."""
    assert _push(there, "--only", "slo") == 0
    capsys.readouterr()
    there.trouble = ["fine", "fine", "412", ""]  # the folder is there, the overview is not and cannot be written
    assert _push(there) == 1
    out = capsys.readouterr().out
    assert "failed     saasobs / Overview: somebody saved it at this moment: push again" in out
    assert "1 of 7 were not pushed" in out
    assert there.dashboards.keys() == UIDS - {"saasobs-overview"}


def test_it_goes_away(there: GrafanaDouble, capsys: pytest.CaptureFixture[str]) -> None:
    """The rest is not tried one by one: nobody waits seven times for what does not answer; each is named."""
    there.trouble = ["fine", "fine", "fine", "fine", "drop"]  # the folder, the overview, then nothing any more
    assert _push(there, "--json") == 1
    told = json.loads(capsys.readouterr().out)["dashboards"]
    assert told[0]["outcome"] == "created"
    assert ["cannot be reached" in one.get("error", "") for one in told] == [False, *[True] * 6]
    assert len(there.asked) == 4 + 3


@pytest.mark.parametrize("identity", ["untrusted", "expired", "plain"])
def test_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], identity: str
) -> None:
    """A certificate that is not trusted, or none at all, is said at once; with its CA's file it works."""
    monkeypatch.setenv(command.TOKEN, TOKEN)
    made = Certificates(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.ca_file))
    context = None if identity == "plain" else getattr(made, identity)().context()
    with grafana(context=context) as there:
        url = there.url.replace("http://127.0.0.1", "https://localhost")
        assert main(["grafana", "push", "--url", url, "--only", "slo"]) == 1
    said = capsys.readouterr().err
    assert ("speaks no TLS" if identity == "plain" else "its certificate is not trusted") in said
    assert "trying again" not in said
    with grafana(context=made.good().context()) as there:
        url = there.url.replace("http://127.0.0.1", "https://localhost")
        assert main(["grafana", "push", "--url", url, "--only", "slo"]) == 0


@pytest.mark.parametrize(
    ("url", "said"), [("http://localhost:1", "cannot be reached"), ("https://a..b", "has a name that no host has")]
)
def test_nobody_there(there: GrafanaDouble, capsys: pytest.CaptureFixture[str], url: str, said: str) -> None:
    """A port where nothing listens, a name that cannot be asked for."""
    assert main(["grafana", "push", "--url", url]) == 1
    assert said in capsys.readouterr().err


def test_a_ca_file_that_is_not_there(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It is named before anything is sent."""
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    assert main(["grafana", "push", "--url", "https://localhost:1", "--token", "t"]) == 1
    assert "SSL_CERT_FILE, SSL_CERT_DIR or a proxy's variable is of no use" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["push"], "say where Grafana is"),
        (["push", "--url", "grafana.example.com"], "--url is an address such as"),
        (["push", "--url", "http://u:p@localhost"], "or a user, for which there is no use"),
        (["push", "--url", "http://localhost/?a=b"], "without query"),
        (["push", "--url", "https://-é.com"], "is no address"),
        (["push", "--url", "http://localhost", "--token", "t", "--folder", "../x"], "--folder is a uid"),
        (["push", "--url", "http://localhost", "--token", "t", "--folder", ""], "--folder is a uid"),
        (["push", "--url", "http://localhost", "--token", "t", "--loki-uid", "my logs"], "--loki-uid is a uid"),
        (["push", "--url", "HTTP://grafana.example.com", "--token", "t"], "the token would go to grafana.example.com"),
        (["push", "--url", "http://localhost:99999"], "is no address"),
        (["push", "--url", "http://localhost", "--token", "a b"], "was it copied whole?"),
        (["push", "--url", "http://localhost", "--token", "t", "--only", "nix"], "--only: there is no dashboard 'nix'"),
        (["push", "--url", "http://localhost", "--token", "t", "--sentry-url", "x$y"], "--sentry-url has characters"),
        (["export"], "say into which folder"),
        (["export", "--out", "/proc/nowhere"], "/proc/nowhere: "),
    ],
)
def test_what_makes_no_sense(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A sentence, exit code 2, before anything is sent."""
    assert main(["grafana", *words]) == 2
    assert said in capsys.readouterr().err


def test_no_token(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It says where it goes."""
    monkeypatch.delenv(command.TOKEN, raising=False)
    assert main(["grafana", "push", "--url", "http://localhost"]) == 2
    assert "SAASOBS_GRAFANA_TOKEN" in capsys.readouterr().err


def test_unencrypted(there: GrafanaDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """To another machine over http: only for who says so. (Here that machine is this one, by way of a proxy.)"""
    monkeypatch.setenv("http_proxy", there.url)
    words = ["grafana", "push", "--url", "http://grafana.example.com", "--only", "slo"]
    assert main(words) == 2
    assert not there.asked
    assert main([*words, "--allow-http"]) == 0
    assert there.asked[0] == "GET http://grafana.example.com/api/folders/saasobs"


def test_no_proxy_reads_the_token(there: GrafanaDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes to this machine goes past the environment's proxies, whichever name it has."""
    with grafana() as proxy:
        for name in ("http_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        for host in ("127.0.0.1", "localhost"):
            url = there.url.replace("127.0.0.1", host)
            assert main(["grafana", "push", "--url", url, "--only", "slo"]) == 0
        assert not proxy.asked
    assert there.dashboards.keys() == {"saasobs-slo"}


def test_export_of_some(tmp_path: Path) -> None:
    """Only those that were named, as `push` does."""
    assert main(["grafana", "export", "--out", str(tmp_path), "--only", "slo, route"]) == 0
    assert {file.name for file in tmp_path.iterdir()} == {"slo.json", "route.json"}
    for name in ("slo", "route"):
        assert (tmp_path / f"{name}.json").read_text() == (ROOT / "dashboards" / f"{name}.json").read_text()
    assert main(["grafana", "export", "--out", str(tmp_path), "--only", "nix"]) == 2


def test_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For provisioning: the same files as in the source tree."""
    assert main(["grafana", "export", "--out", str(tmp_path / "new")]) == 0
    for name in FILES:
        assert (tmp_path / "new" / f"{name}.json").read_text() == (ROOT / "dashboards" / f"{name}.json").read_text()
    assert "overview.json" in capsys.readouterr().out


def test_an_installation_without_them(tmp_path: Path) -> None:
    """Says so, and what to do."""
    with pytest.raises(SaasobsError, match="has no dashboards in it: install it again"):
        shipped.dashboards(places=[tmp_path])
    (tmp_path / "overview.json").write_text("{", encoding="utf-8")
    with pytest.raises(SaasobsError, match=r"overview.json: cannot be read"):
        shipped.dashboards(["overview"], places=[tmp_path])


@pytest.mark.slow
def test_the_wheel_has_them(tmp_path: Path) -> None:
    """A wheel made of the source distribution: what is installed from it finds all seven."""
    _built("sdist", ROOT, tmp_path)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as packed:
        packed.extractall(tmp_path, filter="data")
    [source] = tmp_path.glob("saasobs-*/")
    assert (source / "alerts/alerts.yml").is_file()
    _built("wheel", source, tmp_path)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "installed")
    told = subprocess.run(
        [sys.executable, "-P", "-m", "saasobs", "grafana", "export", "--out", tmp_path / "out", "--json"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path / "installed")},
        check=True, timeout=60, capture_output=True, text=True,
    )  # fmt: skip
    assert set(json.loads(told.stdout)["files"]) == {f"{name}.json" for name in FILES}
    for name in FILES:
        assert (tmp_path / f"out/{name}.json").read_text() == (ROOT / f"dashboards/{name}.json").read_text()
        assert (tmp_path / f"installed/saasobs/dashboards/{name}.json").is_file()


def _built(kind: str, source: Path, folder: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)]
    done = subprocess.run(command, cwd=source, check=False, timeout=200, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
