"""The facts, the seams and the few pure rules that several rooms share.

Standard library only. Nothing here does I/O, reads a clock or knows a framework: time is an
argument, and every moment is an integer of microseconds since the epoch, UTC.
"""
