"""Mirrors the packages of `src/stoker`."""
