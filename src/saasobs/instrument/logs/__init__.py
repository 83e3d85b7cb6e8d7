"""Log events on their way out: one shape, one renderer, one writer thread, whoever logs."""
