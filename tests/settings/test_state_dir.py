"""Where the daemon's socket is can be found without the secrets of its configuration."""

from pathlib import Path

import pytest

from saasobs.core.errors import ConfigurationError
from saasobs.settings import state_dir


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("monitors: []", "var"),
        ("store: sqlite:////data/x.db\nmonitors: []", "/data"),
        ("store: sqlite:////data/x.db\nstate_dir: /run/saasobs", "/run/saasobs"),
        (
            "state_dir: /run/x\nchannels: {team: {kind: slack, token: '${NOT_SET}'}}\nmonitors: [{kind: nonsense}]",
            "/run/x",
        ),
    ],
)
def test_other_keys_need_not_be_right(tmp_path: Path, text: str, folder: str) -> None:
    """Neither an unset variable nor a fault elsewhere keeps `saasobs ack` from finding the daemon."""
    file = tmp_path / "saasobs.yaml"
    file.write_text(text)
    assert state_dir(file, {}) == Path(folder)


@pytest.mark.parametrize("text", ["state_dir: [", "state_dir: '${NOT_SET}'", "store: mysql://x"])
def test_its_own_keys_must_be(tmp_path: Path, text: str) -> None:
    """What cannot be known is a fault, not a guess."""
    file = tmp_path / "saasobs.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError):
        state_dir(file, {})
