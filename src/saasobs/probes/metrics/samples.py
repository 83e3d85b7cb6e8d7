"""Judges values as they stand, several series at once: the worst one decides and is named. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from saasobs.core.result import Failure, Reason
from saasobs.probes.metrics.bounds import Bound
from saasobs.probes.metrics.exposition import Labels
from saasobs.probes.verdict import Unmet, short


def judge_samples(
    title: str, name: Callable[[Labels], str], bounds: Sequence[Bound], samples: Sequence[tuple[Labels, float]]
) -> Iterator[Unmet]:
    """The gravest limit that is passed.

    :param title: the expectation's name, :param name: what a series is called in a sentence.
    """
    for bound in bounds:
        wrong = [sample for sample in samples if not bound.keeps(sample[1])]
        if not wrong:
            continue
        labels, value = max(wrong, key=lambda sample: bound.excess(sample[1]))
        seen, expected = number(value), f"at {'least' if bound.floor else 'most'} {number(bound.limit)}"
        more = f" (and {len(wrong) - 1} more series)" if len(wrong) > 1 else ""
        note = " (degraded)" if bound.degraded else ""
        failure = Failure(title, expected, f"{seen}{more}", Reason.OUT_OF_BOUNDS, bound.degraded)
        yield Unmet(failure, f"{name(labels)} is {seen}{more}, expected {expected}{note}")
        return


def worst(bounds: Sequence[Bound], samples: Sequence[tuple[Labels, float]]) -> tuple[Labels, float]:
    """The sample that is farthest past, or nearest to, any of the limits; there must be one."""
    return max(samples, key=lambda sample: max(bound.excess(sample[1]) for bound in bounds))


def number(value: float) -> str:
    """As people read it: large and whole ones whole, others with four digits."""
    size = abs(value)
    return str(round(value)) if size < 1e15 and (size >= 1000 or value == int(value)) else f"{value:.4g}"


def show_labels(labels: Labels) -> str:
    """``{job="api",route="/checkout"}``, bounded, secrets masked; empty for none."""
    return short("{" + ",".join(f'{name}="{value}"' for name, value in labels) + "}") if labels else ""
