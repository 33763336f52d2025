"""Many searches at once, each answer on disk before it is acted on."""
