"""Traces: everything recorded during a case, on one time base. Only `files` does I/O."""
