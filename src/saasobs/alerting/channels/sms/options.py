"""The keys of a channel that sends text messages: one provider in place, or several in the order to ask them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, Self, cast

from pydantic import Field, ModelWrapValidatorHandler, SerializerFunctionWrapHandler, model_serializer, model_validator

from saasobs.alerting.channels.fields import LONGEST_TIMEOUT
from saasobs.alerting.channels.kind import Tools
from saasobs.alerting.channels.phone import PhoneOptions
from saasobs.alerting.channels.sms.infobip import Infobip, InfobipOptions
from saasobs.alerting.channels.sms.provider import Provider, ProviderOptions
from saasobs.alerting.channels.sms.sns import Sns, SnsOptions
from saasobs.alerting.channels.sms.twilio import Twilio, TwilioOptions
from saasobs.alerting.channels.sms.vonage import Vonage, VonageOptions
from saasobs.alerting.channels.sms.zenvia import Zenvia, ZenviaOptions
from saasobs.core.values import format_duration
from saasobs.options import Options

AnyProvider = Annotated[
    TwilioOptions | ZenviaOptions | InfobipOptions | SnsOptions | VonageOptions, Field(discriminator="provider")
]
_MODELS: Final[Mapping[str, type[ProviderOptions]]] = {
    "twilio": TwilioOptions, "zenvia": ZenviaOptions, "infobip": InfobipOptions, "sns": SnsOptions,
    "vonage": VonageOptions,
}  # fmt: skip
_KINDS: Final[Mapping[type[ProviderOptions], Any]] = {
    TwilioOptions: Twilio, ZenviaOptions: Zenvia, InfobipOptions: Infobip, SnsOptions: Sns, VonageOptions: Vonage,
}  # fmt: skip


def build_provider(options: ProviderOptions, tools: Tools) -> Provider:
    return cast("Provider", _KINDS[type(options)](options, tools))


class SmsOptions(PhoneOptions):
    """Text messages, one per notice and number: short, in an alphabet that every phone and carrier takes. The keys of a
    single provider stand beside the channel's own; several of them stand in `providers`."""

    in_place: ClassVar[tuple[type[Options], ...]] = tuple(_MODELS.values())
    in_place_of: ClassVar[tuple[str, str]] = ("provider", "providers")

    provider: Literal["twilio", "zenvia", "infobip", "sns", "vonage"] | None = None
    """Who sends them: its keys stand beside this one."""
    providers: Annotated[tuple[AnyProvider, ...], Field(max_length=5)] = ()
    """Several who send them, each with its keys: the first is asked first, and the next one when that cannot."""

    @model_validator(mode="wrap")
    @classmethod
    def _in_place(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """A single provider's keys become a list of one."""
        if isinstance(data, dict):
            if "provider" in data and "providers" in data:
                raise ValueError("either one `provider`, with its keys beside it, or a list of `providers`")
            data = _gathered(data, {field.alias or name for name, field in cls.model_fields.items()})
        return handler(data)

    @model_validator(mode="after")
    def _some_provider(self) -> Self:
        if not self.providers:
            raise ValueError("needs a `provider`, or several of them as `providers`")
        whole = sum(one.timeout for one in self.providers)
        if whole >= LONGEST_TIMEOUT:
            raise ValueError(
                f"the time-outs of all providers must be less than {format_duration(LONGEST_TIMEOUT)} together, not"
                f" {format_duration(whole)}: give each a shorter `timeout`"
            )
        if self.undelivered_after is not None and any(isinstance(one, SnsOptions) for one in self.providers):
            raise ValueError("`undelivered_after` needs receipts, and sns sends none")
        return self

    @model_serializer(mode="wrap")
    def _back_in_place(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        shown: dict[str, Any] = handler(self)
        if self.provider is None:
            return {key: value for key, value in shown.items() if key != "provider"}
        [single] = shown.pop("providers")
        return {"provider": shown.pop("provider"), **single, **shown}


def _gathered(data: dict[str, Any], own: set[str]) -> dict[str, Any]:
    """The data with a single provider's keys in `providers`, in whose errors the place in the file stays right."""
    named = data.get("provider")
    model = _MODELS.get(named) if isinstance(named, str) else None
    theirs = {key: value for key, value in data.items() if key not in own}
    kept = {key: value for key, value in data.items() if key in own}
    if model is not None:
        return {**kept, "providers": [{"provider": named, **theirs}]}
    # Whose keys they are cannot be known without a provider, and its absence is fault enough.
    known = {field.alias or name for each in _MODELS.values() for name, field in each.model_fields.items()}
    return {**kept, **({key: value for key, value in theirs.items() if "providers" in data or key not in known})}
