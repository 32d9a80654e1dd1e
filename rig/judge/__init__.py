"""Judging: a trace and expectations become measurements and verdicts. Pure: no I/O, no clock."""
