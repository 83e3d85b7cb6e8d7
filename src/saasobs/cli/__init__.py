"""The command line: what a person or a script asks of saasobs.

`table` is the list of commands with their words, `main` the way in and the one door for errors; each group of commands
has its own file, loaded when it is asked for. Nothing is decided here: checks and judgements belong to the daemon's
rooms, and a running daemon is only ever spoken to over its socket, never behind its back.
"""
