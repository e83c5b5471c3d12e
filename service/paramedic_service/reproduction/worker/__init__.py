"""The process that trains: the only place in the service where a framework is imported."""
