"""The feed: pictures that people see, their likes, and how they are made safe."""
