"""Many processes, one run: `torchrun --nproc-per-node 2 client/examples/pytorch_ddp.py`."""

import torch
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

import paramedic

torch.distributed.init_process_group("gloo")
torch.manual_seed(0)
x = torch.randn(4096, 8)
data = TensorDataset(x, x[:, :3].argmax(1))
sampler = DistributedSampler(data)
model = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 3))
model = DistributedDataParallel(model)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
loss_function = torch.nn.CrossEntropyLoss()

# The same in every process: who is which rank of what run is in the environment that the launcher made.
with paramedic.init(project="examples", name="two processes") as run:
    watch = run.watch(model, optimizer, loss=loss_function)
    for epoch in range(3):
        sampler.set_epoch(epoch)
        for features, classes in DataLoader(data, batch_size=32, sampler=sampler):
            optimizer.zero_grad()
            loss = loss_function(model(features), classes)
            loss.backward()
            optimizer.step()
            watch.log(loss=loss)
        watch.epoch_ended()

torch.distributed.destroy_process_group()
