"""Prometheus rules that fit what the instrumentation and the daemon export: recording rules, alerts and their words.

Made in Python so that every figure stands once (`core.thresholds`, `thresholds`) and a team can have a set of its own
(``saasobs rules --service checkout --critical /pay --slo 99.9``); what is committed under alerts/ is everybody's.
"""
