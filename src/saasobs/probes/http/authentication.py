"""How a request says who asks: basic, digest, bearer, or a token fetched first (OAuth2). What may be written for it."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal
from urllib.parse import quote_plus

import pycurl
from pydantic import AfterValidator, Field

from saasobs.core.values import Secret
from saasobs.options import Options, SecretText
from saasobs.probes.http.fields import HeaderName, Url, printable
from saasobs.probes.http.request import basic


def _user(value: str) -> str:
    if ":" in value:
        raise ValueError("a user name cannot hold a colon (RFC 7617)")
    return value


def _token(value: Secret) -> Secret:
    text = printable(value).reveal()
    if not text.isascii() or " " in text:
        raise ValueError("a bearer token has no spaces and only ASCII letters (RFC 6750)")
    return value


User = Annotated[str, Field(min_length=1), AfterValidator(_user)]
Password = Annotated[SecretText, AfterValidator(printable)]


class BasicAuthentication(Options):
    """A user and a password, sent with every request to the URL's origin (RFC 7617)."""

    kind: Literal["basic"]
    """How to log in."""
    user: User
    """The user's name."""
    password: Password
    """The password. It is never shown."""

    @property
    def header(self) -> tuple[str, str]:
        """What every request carries."""
        return "Authorization", basic(f"{self.user}:{self.password.reveal()}")


class DigestAuthentication(Options):
    """A user and a password that prove themselves without being sent (RFC 7616): one request to be challenged, and
    one with the answer. Both are part of the check's time."""

    kind: Literal["digest"]
    """How to log in."""
    user: User
    """The user's name."""
    password: Password
    """The password. It is never shown."""

    @property
    def settings(self) -> tuple[tuple[int, Any], ...]:
        """What libcurl is told."""
        return (
            (pycurl.HTTPAUTH, pycurl.HTTPAUTH_DIGEST),
            (pycurl.USERNAME, self.user),
            (pycurl.PASSWORD, self.password.reveal()),
        )


class BearerAuthentication(Options):
    """A token that does not change, sent with every request to the URL's origin (RFC 6750)."""

    kind: Literal["bearer"]
    """How to log in."""
    token: Annotated[SecretText, AfterValidator(_token)]
    """The token. It is never shown."""

    @property
    def header(self) -> tuple[str, str]:
        """What every request carries."""
        return "Authorization", f"Bearer {self.token.reveal()}"


class ClientCredentials(Options):
    """A token fetched from a token endpoint (OAuth2 client credentials, RFC 6749 section 4.4), kept until shortly
    before it expires, and fetched anew once when the target answers 401."""

    kind: Literal["oauth2"]
    """How to log in."""
    token_url: Annotated[Url, Field(repr=False)]
    """The token endpoint. It is asked as the target is: same trust, proxy and name servers."""
    client_id: Annotated[str, Field(min_length=1)]
    """The client's ID."""
    client_secret: SecretText
    """The client's secret. It is never shown."""
    scope: str = ""
    """The scopes to ask for, with spaces between."""
    audience: str = ""
    """The audience to ask for, where the endpoint wants one."""
    parameters: dict[str, SecretText] = Field(default_factory=dict)
    """More parameters of the token request, such as resource. Their values are never shown."""
    headers: dict[HeaderName, SecretText] = Field(default_factory=dict)
    """Headers of the token request. Their values are never shown."""
    client_authentication: Literal["basic", "body"] = "basic"
    """Where the client's ID and secret stand: in the Authorization header, or in the request's body."""

    @cached_property
    def request(self) -> dict[str, Any]:
        """The token request in the words of an http monitor."""
        form: dict[str, Any] = {"grant_type": "client_credentials"}
        form |= {key: text for key, text in (("scope", self.scope), ("audience", self.audience)) if text}
        form |= self.parameters
        headers: dict[str, Any] = {"Accept": "application/json"} | self.headers
        if self.client_authentication == "body":
            form |= {"client_id": self.client_id, "client_secret": self.client_secret}
        else:
            # RFC 6749 section 2.3.1: form-encoded first, since they may hold anything.
            login = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret.reveal())}"
            headers["Authorization"] = basic(login)
        return {"url": self.token_url, "method": "POST", "headers": headers, "form": form}


Authentication = Annotated[
    BasicAuthentication | DigestAuthentication | BearerAuthentication | ClientCredentials, Field(discriminator="kind")
]
