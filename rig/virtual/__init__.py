"""The virtual bench: a process of its own behind real sockets. Must not import the rig."""
