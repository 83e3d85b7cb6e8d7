"""Text messages by Amazon SNS, signed by hand (Signature Version 4): its SDK would be the largest part of this daemon.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html ·
https://docs.aws.amazon.com/sns/latest/dg/sms_publish-to-phone.html ·
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

SNS reports nothing back: what became of a message stands in CloudWatch only.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from html import unescape
from typing import Final, Literal
from urllib.parse import quote, urlencode, urlsplit

from pydantic import Field

from saasobs.alerting.channels.faults import excerpt
from saasobs.alerting.channels.http import Answer, post
from saasobs.alerting.channels.kind import Tools
from saasobs.alerting.channels.sms import provider as base
from saasobs.alerting.channels.sms.provider import Text
from saasobs.core.errors import DeliveryError
from saasobs.core.receipts import DeliveryReport, Posted, Price
from saasobs.core.values import Secret, to_datetime
from saasobs.options import HttpUrl, SecretText

RECIPIENT: Final = frozenset({"OptedOut", "OptedOutException"})
"""The number is the trouble."""
PASSING: Final = frozenset(
    {"Throttled", "ThrottledException", "Throttling", "ThrottlingException", "InternalError", "InternalFailure",
     "ServiceUnavailable", "RequestExpired", "KMSThrottling"}
)  # fmt: skip
_SERVICE: Final = "sns"
_CONTENT_TYPE: Final = "application/x-www-form-urlencoded; charset=utf-8"
_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_PHONE: Final = re.compile(r"phone ?number", re.IGNORECASE)


class SnsOptions(base.ProviderOptions):
    """Amazon SNS: https://docs.aws.amazon.com/sns/latest/dg/sns-mobile-phone-number-as-subscriber.html. A new account
    is in a sandbox, and may spend one dollar a month: ask for more beforehand."""

    provider: Literal["sns"]
    """Who sends them."""
    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+){1,2}-\d$")
    """The region, as in sa-east-1."""
    access_key_id: str = Field(pattern=r"^[0-9A-Za-z]{16,128}$")
    """The access key of a user who may `sns:Publish` to phone numbers."""
    secret_access_key: SecretText
    """Its secret."""
    session_token: SecretText | None = None
    """The session's token, where the key is a temporary one."""
    api_base: HttpUrl | None = None
    """Another endpoint. Default: the region's own."""

    @property
    def endpoint(self) -> str:
        return (self.api_base or f"https://sns.{self.region}.amazonaws.com").rstrip("/") + "/"


class Sns:
    """One account in one region."""

    name = "Amazon SNS"

    def __init__(self, options: SnsOptions, tools: Tools) -> None:
        self._options = options
        self._tools = tools
        self.timeout = options.timeout

    async def send(self, text: Text) -> str:
        """A signed POST; 200 holds the message's ID in XML."""
        now = self._tools.clock.now()
        body = urlencode(request(self._options, text), quote_via=quote).encode()
        headers = signed_headers(self._options, body, to_datetime(now))
        return read(await post(self._options.endpoint, content=body, headers=headers), now)

    def read_receipts(self, posted: Posted) -> Sequence[DeliveryReport] | None:  # noqa: ARG002 - it sends none
        return None

    async def price(self, provider_id: str) -> Price | None:  # noqa: ARG002 - it does not say
        return None


def request(options: SnsOptions, text: Text) -> dict[str, str]:
    """The form. Pure. A sender that begins with a plus sign is a number of ours, any other a name."""
    attributes = {"AWS.SNS.SMS.SMSType": "Transactional"}
    if sender := options.sender_to(text.to):
        key = "AWS.MM.SMS.OriginationNumber" if sender.lstrip("+").isdigit() else "AWS.SNS.SMS.SenderID"
        attributes[key] = sender
    form = {"Action": "Publish", "Version": "2010-03-31", "PhoneNumber": text.to, "Message": text.body}
    for number, (name, value) in enumerate(attributes.items(), 1):
        entry = f"MessageAttributes.entry.{number}"
        form |= {f"{entry}.Name": name, f"{entry}.Value.DataType": "String", f"{entry}.Value.StringValue": value}
    return form


def read(answer: Answer, now: int) -> str:
    """:raises DeliveryError: unless SNS has taken the message."""
    if not answer.accepted:
        raise _refusal(answer, now)
    identity = _element(answer.text, "MessageId")
    if not identity:
        raise base.not_theirs("Amazon SNS", answer)
    return identity


def _refusal(answer: Answer, now: int) -> DeliveryError:
    code, words = _element(answer.text, "Code"), _element(answer.text, "Message")
    sentence = f"Amazon SNS answered {answer.status}: {excerpt(f'{code} {words}'.strip() or answer.text)}"
    if code in RECIPIENT or (code.startswith("InvalidParameter") and _PHONE.search(words)):
        return base.to_recipient(sentence)
    if code in PASSING and answer.status < 500 and answer.status != 429:
        answer = Answer(503, answer.headers, answer.text)
    return base.by_status("Amazon SNS", answer, f"{code} {words}".strip() or answer.text, now)


def _element(xml: str, name: str) -> str:
    """The text of the first element of this name. No parser: an answer is somebody else's, and XML has bombs."""
    found = re.search(rf"<{name}>([^<]{{0,2000}})</{name}>", xml)
    return unescape(found[1]).strip() if found else ""


# Signature Version 4 -------------------------------------------------------------------------------------------------


def signed_headers(options: SnsOptions, body: bytes, now: datetime) -> dict[str, str]:
    """What goes with a POST of this body at this moment (UTC). Pure."""
    url = urlsplit(options.endpoint)
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    headers = {"content-type": _CONTENT_TYPE, "host": url.netloc, "x-amz-date": moment}
    if options.session_token is not None:
        headers["x-amz-security-token"] = options.session_token.reveal()
    names = ";".join(sorted(headers))
    canonical = "\n".join(
        [
            "POST",
            quote(url.path, safe="/-_.~"),
            "",
            *(f"{name}:{headers[name]}" for name in sorted(headers)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = f"{moment[:8]}/{options.region}/{_SERVICE}/aws4_request"
    to_sign = "\n".join([_ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = _signing_key(options.secret_access_key, moment[:8], options.region)
    credential = f"Credential={options.access_key_id}/{scope}"
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = f"{_ALGORITHM} {credential}, SignedHeaders={names}, Signature={signature}"
    return headers


def _signing_key(secret: Secret, day: str, region: str) -> bytes:
    key = f"AWS4{secret.reveal()}".encode()
    for part in (day, region, _SERVICE, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
