"""tcp: a connection to a port, and a dialogue over it: send, expect, STARTTLS, step by step."""
