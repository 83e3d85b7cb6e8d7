"""`saasobs wrap -- command`: instrumentation without a line of code."""
