"""The dashboards that come with saasobs, and the way into a Grafana: `shipped` finds them, `push` hands them over."""
