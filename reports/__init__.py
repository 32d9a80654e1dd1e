"""Reports: each is made from a run folder alone and can be made again from it."""
