"""Instruments: what they can do (`capabilities`), and the drivers that do it (`registry`)."""
