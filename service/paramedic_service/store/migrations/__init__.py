"""The steps by which a database of any age becomes one that this code reads."""
