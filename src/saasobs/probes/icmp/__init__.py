"""The icmp kind: pings a host, and judges what got lost and how long the rest took."""
