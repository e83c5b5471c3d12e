"""Hugging Face: the Monitor is one of the Trainer's callbacks."""

import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

from paramedic.integrations.huggingface import Monitor

# A small model from nothing, and sentences of which the most frequent of three words is wanted.
config = BertConfig(
    vocab_size=4,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=64,
    max_position_embeddings=16,
    num_labels=3,
)
torch.manual_seed(0)
sentences = torch.randint(1, 4, (2048, 12))
counts = torch.stack([(sentences == word).sum(1) for word in (1, 2, 3)], 1)
samples = [{"input_ids": words, "labels": label} for words, label in zip(sentences, counts.argmax(1), strict=True)]

trainer = Trainer(
    model=BertForSequenceClassification(config),
    args=TrainingArguments(
        output_dir="checkpoints",
        num_train_epochs=3,
        per_device_train_batch_size=32,
        learning_rate=3e-3,
        eval_strategy="epoch",
        save_strategy="no",
        report_to=[],
    ),
    train_dataset=samples[:1792],
    eval_dataset=samples[1792:],
    callbacks=[Monitor(project="examples", name="transformers", stop_on="critical")],
)
trainer.train()
