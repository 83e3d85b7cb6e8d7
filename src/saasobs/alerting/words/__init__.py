"""What is said to people, in their language: one file per language, all of the same shape (`catalogue.Words`).

`reader(language, timezone)` is the door: its `words` are the phrases, its methods write figures and times. Which phrase
is said when is not decided here but in `alerting.message` and `alerting.group_message`.
"""

from saasobs.alerting.words.catalogue import AnswerPhrases, Buttons, Condition, End, Labels, Words
from saasobs.alerting.words.reader import LANGUAGES, Reader, reader

__all__ = ["LANGUAGES", "AnswerPhrases", "Buttons", "Condition", "End", "Labels", "Reader", "Words", "reader"]
