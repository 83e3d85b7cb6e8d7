"""http: one request on a fresh connection, every redirect by hand, the answer judged against expectations.

What happens in order, and where: `target` reads URLs, `request` lays out what is sent, `resolve` finds addresses,
`curl` moves bytes, `exchange` follows redirects within the deadline, `reasons` names what failed, `certificate` reads
the chain, `expect` judges, `probe` makes the Result. Reading, naming and judging are pure.
"""
