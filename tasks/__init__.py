"""The pipeline's work: files in, one library call, files out."""
