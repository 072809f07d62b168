"""Objects to facts, facts to plans, plans to effects: mapping and running, no decisions. Must not know any client."""
