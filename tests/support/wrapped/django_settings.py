"""The Django shop's settings without us."""

from __future__ import annotations

from support.django_shop import settings

globals().update({name: value for name, value in vars(settings).items() if name.isupper() and name != "SAASOBS"})
INSTALLED_APPS = [name for name in settings.INSTALLED_APPS if name != "saasobs"]
