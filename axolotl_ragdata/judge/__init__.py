"""Is the tuned model better, by how much, and how sure are we: `ragdata judge`."""
