"""A fleet in virtual time: boards, broker, Git and leaders around the real planner. Must not know clients or clocks."""
