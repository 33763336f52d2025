"""What a dialogue with tools is made of: messages, policies, episodes, and what they run on.

The ground floor: it imports nothing else of this repository. ``protocols`` has the types that
agents and worlds meet in; ``conformance`` checks a world of your own against them.
"""
