"""The metrics kind: scrapes an app's own metrics page and judges its figures over a sliding window, without Prometheus.

`options` says what may be written, `exposition` reads the page, `reading` picks out what the options ask for, `window`
turns readings into growth over time, `quantile` and `judge` decide, `probe` asks and remembers. `source`, `bounds` and
`selector` serve the promql kind as well.
"""
