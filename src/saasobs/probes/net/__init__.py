"""What every kind that opens a connection shares: names, addresses, connecting, TLS, and the words for what failed.

libcurl connects by itself and takes only names and certificates from here.
"""
