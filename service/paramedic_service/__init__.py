"""First responder for training runs: the service."""
