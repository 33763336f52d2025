"""The work of the pipeline's stages: a room a stage, files in, files out."""
