"""A seeded developmental system with planted truth, drawn as the counts of several studies."""
