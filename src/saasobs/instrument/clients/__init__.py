"""Outgoing HTTP requests, one file for each library: our headers to own hosts, a time each, a span when sampled.

What is observed is one attempt on the wire: each redirect and each retry is one of its own, and gets headers of its
own, so that a redirect to a third party takes none along. An app's own headers are never replaced.
"""
