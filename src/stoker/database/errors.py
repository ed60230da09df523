"""What can go wrong before a node can use its database. The texts are for the person who starts it."""


class DatabaseError(Exception):
    """The database cannot be used as it is."""


class DatabaseInUseError(DatabaseError):
    """Another node uses this database."""


class DatabaseTooNewError(DatabaseError):
    """A newer Stoker wrote this database."""


class DataDirectoryError(Exception):
    """The data directory cannot be used."""


class DataDirectoryInUseError(DataDirectoryError):
    """Another node uses this data directory."""
