"""What tries to break the rig: seeded, counted, with an undisturbed control beside it."""
