"""From a stream of requests to a durable log, and from the log to what is known of every run."""
