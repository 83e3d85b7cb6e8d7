"""The websocket kind (RFC 6455): an upgrade, messages and a ping, as a client sees them."""
