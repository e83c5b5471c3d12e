"""What Prometheus reads: runs, kept rendered, and the service's own metrics."""
