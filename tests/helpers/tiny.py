"""The size of a tiny model of the embedded kind, and the options that train it in a second."""

from __future__ import annotations

from tasks.bootstrap.embedded import EmbeddedConfig

TINY = EmbeddedConfig(
    vocab_size=400,
    hidden_size=128,
    intermediate_size=192,
    layers=2,
    heads=4,
    kv_heads=2,
    max_length=512,
)
TRL = {
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "max_length": None,
    "per_device_train_batch_size": 2,
    "num_train_epochs": 1,
    "learning_rate": 1e-3,
    "report_to": "none",
    "save_strategy": "no",
    "disable_tqdm": True,
}
