"""The durable store: every run's log, what was found in it, and how far it was judged. Knows no rules and no gRPC."""
