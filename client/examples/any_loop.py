"""A loop in numpy: what any other loop can do, too."""

import numpy as np

import paramedic

generator = np.random.default_rng(0)
x = generator.normal(size=(512, 4))
y = x @ np.array([1.0, -2.0, 0.5, 0.0]) + 0.1 * generator.normal(size=512)
weights = np.zeros(4)

with paramedic.init(project="examples", name="any loop", config={"learning_rate": 0.05}) as run:
    for step in range(300):
        batch = generator.integers(0, len(x), 32)
        error = x[batch] @ weights - y[batch]
        gradient = 2 * x[batch].T @ error / len(batch)
        run.log(step, loss=np.mean(error**2), gradient_norms={"weights": np.linalg.norm(gradient)})
        weights -= 0.05 * gradient
