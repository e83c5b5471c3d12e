"""Trainings that can be reproduced by name: every example and every fault of the project's sources."""
