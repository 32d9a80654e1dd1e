"""Drivers, one file for each model: its data sheet and its dialect as data, and little code."""
