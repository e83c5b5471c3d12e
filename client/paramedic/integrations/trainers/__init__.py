"""What the callbacks of PyTorch's trainers have in common."""
