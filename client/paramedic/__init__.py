"""First responder for training runs: the client."""
