"""Services of the stages: engines that answer, MLflow that records, processes, shards."""
