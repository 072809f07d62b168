"""What must hold in every world, checked from outside: nothing in here knows how the planner reaches its decisions.

Each check sees facts, effects and the truth of the boards. It notes a violation, and never stops the world.
"""
