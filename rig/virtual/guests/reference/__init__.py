"""The firmware of the reference BMS, `esp32-4s` and `esp32-16s`: written like firmware."""
