"""Driving: applies a case's steps to a bench and records everything. Decides nothing."""
