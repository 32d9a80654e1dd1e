"""The BMS under test: its profile (data sheet), and the links that the rig has with it."""
