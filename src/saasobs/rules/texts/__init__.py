"""What the alerts say, by language: one plain line (`summary`), and what it means and what comes first (`description`).

They are templates of Prometheus (https://prometheus.io/docs/prometheus/latest/configuration/template_reference/). A
line fits one text message: it is in the GSM-7 alphabet in English, and is folded into it by the daemon in the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from saasobs.rules.texts.english import ENGLISH
from saasobs.rules.texts.portuguese import PORTUGUESE
from saasobs.rules.texts.spanish import SPANISH
from saasobs.rules.texts.text import Text

TEXTS: Final[Mapping[str, Mapping[str, Text]]] = {"en": ENGLISH, "es": SPANISH, "pt": PORTUGUESE}
"""By language, then by the alert's name."""
