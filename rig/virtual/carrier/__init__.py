"""The board that a controller sits on: front end, comparators, flash, power path, links, faults."""
