"""The dns kind: one question to one name server, and what it answered."""
