"""The dashboards, as Python: `python -m dashboards.generate` writes the JSON and its page, `--check` compares.

- `boards/`: one module for each dashboard, what it shows and why.
- `frame`: a dashboard around its rows: variables, marks, links, the grid.
- `panels`: the kinds of panels, with the looks that all of them share.
- `document`: docs/dashboards.md; `exploration`: the metrics that no dashboard shows.
- `queries`: what they ask, and for whom; `links`: where a click leads; `marks`: what is drawn over every chart.

Classic JSON (schema 42), which Grafana 10 to 13 take. Every limit that is drawn is the alert's own
(`saasobs.rules.thresholds`).
"""
