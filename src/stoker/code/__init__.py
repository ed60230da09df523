"""Deployment packages: checked, unpacked once, named by what is in them."""
