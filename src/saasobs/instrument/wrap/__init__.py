"""`saasobs wrap -- gunicorn shop.wsgi`: instrumentation without a line of code.

`launch` gives the command an environment in which Python finds `startup/sitecustomize.py` before anything else, and
becomes the command. In each Python process that comes of it `watching` waits for the import of a framework, a server
or a queue, and does nothing until then; `hooks` is the table of them.

The instrumentation itself starts when a server, a worker or a scheduler is about to run what it has loaded, and not
before: an app that calls `saasobs.instrument(app, service=…)` itself comes first and settles the configuration, and
processes that serve nothing (uvicorn's parent, `python -c`, a script) stay as they are, their logs too. A script is
instrumented by what it runs: a server, a worker, a `@saasobs.job`.
"""
