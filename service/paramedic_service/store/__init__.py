"""The durable store: runs with their logs, what was found in them, and reproductions. Knows no rules and no gRPC."""
