"""Layers: archives that functions share at /opt, their versions and who may use them."""
