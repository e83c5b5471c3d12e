"""What backends share that run a model as a function of its weights."""
