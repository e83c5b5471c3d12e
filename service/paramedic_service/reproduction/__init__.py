"""Reproduction trainings: a reported run trained again, as it was and with each remedy alone.

A request becomes a `ReproductionSpec` (`origin`), is checked against an allow-list and bounds (`plan`), waits in the
store (`queue`), is trained by a process of its own (`executors`, `worker`), judged (`verdict`) and told (`report`).
Nothing that a spec says is executed or imported, and only the worker's process loads a framework.
"""
