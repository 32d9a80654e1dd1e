"""The bench: a YAML file becomes connected instruments with limits, wiring and a safe state."""
