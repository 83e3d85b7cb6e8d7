"""The FastAPI app again, which is instrumented by its own code too."""

from __future__ import annotations

import saasobs
from support.wrapped.fastapi_app import app

saasobs.instrument(app, service="settled-by-the-app")
