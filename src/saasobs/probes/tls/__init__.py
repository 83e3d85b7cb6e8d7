"""tls: a handshake, the certificates it shows, and what may be agreed on; over a bare port or after a STARTTLS.

Nothing is asked of the service behind it. A certificate that is refused is described all the same: a second look that
trusts everybody reads it, and never counts as a success.
"""
