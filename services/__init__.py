"""What the stages run on: engines that answer, MLflow that records, processes, shards."""
