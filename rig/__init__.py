"""A hardware-in-the-loop test rig for battery management systems: the library, without pytest.

PYTEST_DONT_REWRITE: it holds no tests, and is imported before pytest when `rig run` starts it.
"""
