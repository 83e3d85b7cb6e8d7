"""What Huey's messages carry behind the pickle, and that a consumer without us does not notice."""

from __future__ import annotations

import pickle
from functools import partial
from typing import Any

import pytest
from huey.api import Task
from huey.serializer import Serializer, SignedSerializer
from hypothesis import given
from hypothesis import strategies as st

from saasobs.instrument.tasks import huey as ours


@pytest.mark.parametrize(
    "serializer",
    [Serializer(), Serializer(compression=True), Serializer(compression=True, use_zlib=True), SignedSerializer("key")],
)
def test_a_consumer_without_us_reads_it(serializer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows the pickle is inside of signatures and compression, and ignored by `pickle.loads`."""
    message = {"name": "shop.invoice", "args": [7]}
    plain, trailer = Serializer._serialize, ours._trailer(Task())
    monkeypatch.setattr(
        Serializer, "_serialize", lambda self, data: ours._serialize(partial(plain, self), self, (data,), {})
    )
    token = ours._outgoing.set(trailer)
    sent = serializer.serialize(message)
    ours._outgoing.reset(token)
    monkeypatch.undo()
    assert sent != serializer.serialize(message)
    assert serializer.deserialize(sent) == message
    (carried,) = ours._carried(pickle.dumps(message) + trailer)
    assert b"sent_at" in carried


def test_the_scheduler_passes_on_what_a_task_has() -> None:
    """A task whose time has come is sent again by a thread without an operation: with its first sender's ID."""
    task = Task()
    ours._give_carrier(task, b'{"x-request-id": "order-7", "sent_at": 1}')
    (carried,) = ours._carried(ours._trailer(task))
    assert b'"order-7"' in carried
    assert b'"sent_at": 1,' not in carried


@given(st.binary())
def test_any_bytes_may_come(data: bytes) -> None:
    """A message that only looks like one of ours carries nothing, or JSON that is looked at with care."""
    for message in (data, data + ours.MARK, pickle.dumps(1) + data + ours.MARK):
        for found in ours._carried(message):
            assert found in message
            ours._give_carrier(Task(), found)
