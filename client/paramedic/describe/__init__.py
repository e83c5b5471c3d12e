"""Models, optimizers, losses and data of a framework, said in the neutral terms of the wire contract."""
