"""English sentences are shown as they were written, but for the moments in them: those go on the reader's wall."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_WITH_MOMENTS: Final = (
    "{sentence:say} (and {others:n} more)",
    "the certificate {subject} is valid until {until:day}, {days:n} days from now",
    "the certificate {subject} was valid until {until:day}, {days:n} days ago",
    "no ping for {since:span}: the last came at {last:moment}, the next was due by {due:moment}",
    "no ping ever came in the {since:span} since this monitor was created; one was due by {due:moment}",
    "the job started at {start:moment} and has not finished after {ran:span}, allowed are {allowed:span}",
    "the job reported a failure with exit code {code:n} at {when:moment}: {said}",
    "the job reported a failure with exit code {code:n} at {when:moment}",
    "the job reported a failure at {when:moment}: {said}",
    "the job reported a failure at {when:moment}",
    "down: {sentence:say}",
    "degraded: {sentence:say}",
    "from degraded to down: {sentence:say}",
    "from down to degraded: {sentence:say}",
    "until {until:stamp}, by {who}",
    "no word from {source} since {since:stamp}; it said last: {said}",
    "{who} is silent: {alert} was last heard of at {since:stamp}, and must come every {within:span}",
    "{who} is silent: {alert} has never been heard of; it is expected since {since:stamp}, and must come every"
    " {within:span}",
)
FORMS: Final[Mapping[str, str]] = {form: re.sub(r":[a-z]+(?=\})", "", form) for form in _WITH_MOMENTS}
DETAILS: Final[Mapping[str, str]] = {
    form: re.sub(r":[a-z]+(?=\})", "", form)
    for form in ("{subject} expired at {when:day}", "{subject} is valid from {when:day}")
}
