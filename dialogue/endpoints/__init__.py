"""Models behind OpenAI-compatible endpoints: asked, waited for, and shared between dialogues."""
