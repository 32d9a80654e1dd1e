"""A hardware-in-the-loop test rig for battery management systems: the library, without pytest."""
