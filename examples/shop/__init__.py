"""A small SaaS to watch: three tenants, one SQLite file, and a switch that breaks it on purpose.

It shows what saasobs is for. It is no model of how to write a shop.
"""
