"""Errors: one fault, one event, however many layers see it; built when it happens from what the operation knows."""
