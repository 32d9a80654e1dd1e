"""Plans: what to do to a BMS and what to expect of it. Does no I/O; knows no instrument."""
