"""A request passing through: one outermost layer around an ASGI or WSGI app, whatever framework made it."""
