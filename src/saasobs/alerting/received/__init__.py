"""Alerts that others report: read, named, and followed from their first word to their last. Pure.

`reading` and its neighbours make reports of what a request holds; `following` says what a report changes; `naming` puts
an alert into an incident's words; `matchers` is what silences are made of. Nothing here talks to a store or a network.
"""
