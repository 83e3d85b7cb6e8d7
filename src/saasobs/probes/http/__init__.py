"""http: one request on a fresh connection, every redirect by hand, the answer judged against expectations.

What is written: `options` (with `fields`, `content`, `authentication`, `proxy`), and `wire` for what libcurl must be
told of it. What happens in order: `target` reads URLs, `request` lays out what is sent, `tokens` fetches a login, `way`
finds addresses and guards them, `handle` and `curl` move bytes (`sockets` watches them), `exchange` follows redirects
within the deadline, `reasons` and `trouble` name what failed, `chains` reads certificates, `expect` judges, `probe`
makes the Result; `fetcher` is the door for other kinds. Reading, naming and judging are pure.
"""
