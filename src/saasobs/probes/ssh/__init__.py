"""ssh: the banner, and the host key that the server proves to hold (RFC 4253); it never logs in."""
