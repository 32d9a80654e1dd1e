"""Reports: each is made from a run folder alone and can be made again from it.

PYTEST_DONT_REWRITE: no asserts in here; `rig run` imports it before pytest does.
"""
