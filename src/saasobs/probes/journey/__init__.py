"""journey: several HTTP requests in a row that share cookies and variables, as a customer's way through the app.

`options` is what a person may write; `template` and `variables` are the values that go from step to step (pure);
`line`, `body` and `conversation` speak HTTP, on httpx and its httpcore; `course` walks the steps and judges; `probe`
is the door, and loads what is heavy at the first check only.
"""
