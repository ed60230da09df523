"""Measures this project. `python -m bench` sets it beside its peers; `python -m bench.goals` beside its own goals.

Read `compare.py` (who takes part, and the rounds), `turns.py` (what is measured of each), `peers/` (how each is
started), `report.py` (what becomes of the figures). `load.py` makes the calls, and `floor.py` is the floor below which
nothing that runs AWS's own Python client can get.
"""
