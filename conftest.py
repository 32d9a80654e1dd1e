"""Names the rig's pytest plugin; nothing more. Installed, it is an entry point of the same name."""

pytest_plugins = ["fixtures.plugin"]
