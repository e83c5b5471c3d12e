"""Diagnostic rules over a run's telemetry: pure numpy, without network, storage or clock."""
