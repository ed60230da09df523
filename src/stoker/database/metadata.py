"""The one collection of tables; each room declares its own tables on it, in its `tables.py`."""

from sqlalchemy import MetaData

metadata = MetaData()
